package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
)

// serve is the other process: services that do nothing. It prints its URL, and
// then the order of each pickup that is asked for. It ends with its standard input.
func serve() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	pickups := make(chan string, 4096)
	go func() {
		w := bufio.NewWriter(os.Stdout)
		fmt.Fprintf(w, "http://%s\n", ln.Addr())
		check(w.Flush())
		for id := range pickups {
			fmt.Fprintln(w, id)
			if len(pickups) == 0 {
				check(w.Flush())
			}
		}
	}()
	go func() {
		for {
			conn, err := ln.Accept()
			check(err)
			go answer(conn, pickups)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

// answer is as little of an HTTP server as can be: the figures are of the hub.
func answer(conn net.Conn, pickups chan<- string) {
	defer conn.Close()
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"
	for r := bufio.NewReader(conn); ; {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		if req.URL.Path == "/pickup" {
			var asked struct{ Order string }
			check(json.Unmarshal(body, &asked))
			pickups <- asked.Order
		}
		if _, err := io.WriteString(conn, ok); err != nil {
			return
		}
	}
}

// services starts the other process, gives its URL, and tells of each pickup.
func services(pickup func(order string)) (url string) {
	cmd := exec.Command(os.Args[0], "-serve")
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe() // it ends with this process
	check(err)
	out, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Scan()
	url = lines.Text()
	go func() {
		for lines.Scan() {
			pickup(lines.Text())
		}
		check(cmd.Wait()) // it ends before this program only by a fault
	}()
	return url
}
