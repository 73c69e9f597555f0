# Writes orders in a format until the file has so many bytes: awk -v format=csv -v bytes=1e9 -f bench/stream.awk
BEGIN {
	split("Ada Lovelace|José Núñez|\"Smith; Sons\"|Grace Hopper|Müller, Anna", names, "|")
	n = 0
	if (format == "csv") n += put("order_id,placed_at,customer,email,sku,quantity,unit_price,country,note\r\n")
	if (format == "xml") n += put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<orders>\n")
	for (i = 1; n < bytes; i++) {
		who = names[format == "fixed" ? 4 : i % 5 + 1] # mawk counts bytes
		id = sprintf("W-%08d", i); at = sprintf("2026-11-%02dT08:15:00Z", i % 28 + 1)
		mail = "c" i % 9973 "@example.org"; sku = "SKU-" i % 997; count = i % 7 + 1; price = sprintf("%.2f", i * 37 % 20000 / 100)
		if (format == "csv") {
			if (who ~ /[",]/) { gsub(/"/, "\"\"", who); who = "\"" who "\"" }
			line = id "," at "," who "," mail "," sku "," count "," price ",DE,leave it at the door\r\n"
		} else if (format == "ndjson") {
			gsub(/"/, "\\\"", who)
			line = "{\"order_id\":\"" id "\",\"placed_at\":\"" at "\",\"customer\":\"" who "\",\"email\":\"" mail "\",\"sku\":\"" sku "\",\"quantity\":" count ",\"unit_price\":" price ",\"country\":\"DE\",\"note\":\"leave it at the door\"}\n"
		} else if (format == "xml") {
			gsub(/"/, "\\&quot;", who)
			line = "<order><order_id>" id "</order_id><placed_at>" at "</placed_at><customer>" who "</customer><email>" mail "</email><sku>" sku "</sku><quantity>" count "</quantity><unit_price>" price "</unit_price><country>DE</country><note>leave it at the door</note></order>\n"
		} else {
			line = sprintf("%-11s%-21s%-21s%-21s%-9s%-5s%-9s%-3s%-21s\n", id, at, who, mail, sku, count, price, "DE", "leave it at the door")
		}
		n += put(line)
	}
	if (format == "xml") put("</orders>\n")
}
function put(text) { printf "%s", text; return length(text) }
