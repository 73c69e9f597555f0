// Package stub holds the partners the hub talks to when no URL is configured: billing, two carriers, a courier, the
// catalog, two stock services and a mail server. They are real servers on loopback, answer by magic values (README.md)
// and keep a Ledger of every effect: the judge of "charged exactly once, shipped exactly once".
package stub
