package units

import (
	"strings"

	"golang.org/x/text/currency"
)

// places are those of the currencies that have other than two, by ISO 4217.
var places = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
}

// Currency tells how many decimal places the minor unit of a currency has: 2 for EUR, 0 for JPY. code is that of ISO 4217.
func Currency(code string) (n int, ok bool) {
	if unit, err := currency.ParseISO(code); len(code) != 3 || err != nil || unit.String() != code {
		return 0, false
	}
	for n, codes := range places {
		if strings.Contains(codes, code) {
			return n, true
		}
	}
	return 2, true
}
