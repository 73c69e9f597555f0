package yamlfile

import "reflect"

// Fields lists the yaml names of the struct that dst points to, and those that must be given.
func Fields(dst any) (all, required []string) {
	for _, f := range fieldsOf(reflect.ValueOf(dst).Elem()) {
		all = append(all, f.name)
		if f.tag.Get("required") == "true" {
			required = append(required, f.name)
		}
	}
	return all, required
}
