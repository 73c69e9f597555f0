package formula

import (
	"strings"

	"golang.org/x/text/currency"
)

// placesOf are those of the currencies that have other than two, by ISO 4217.
var placesOf = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
}

// currencyPlaces tells how many decimal places the minor unit of a currency has: 2 for EUR, 0 for JPY. code is that of ISO 4217.
func currencyPlaces(code string) (n int, ok bool) {
	if unit, err := currency.ParseISO(code); len(code) != 3 || err != nil || unit.String() != code {
		return 0, false
	}
	for n, codes := range placesOf {
		if strings.Contains(codes, code) {
			return n, true
		}
	}
	return 2, true
}
