// A server on net/http that tells every request it saw, a line of JSON each, and answers as an MCP server would.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
)

type seen struct {
	Connection int         `json:"connection"`
	Method     string      `json:"method"`
	Target     string      `json:"target"`
	Headers    [][2]string `json:"headers"`
	// Each byte as the character of that number.
	Body string `json:"body"`
}

func main() {
	var telling sync.Mutex
	handler := func(answer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		// net/http takes these three out of the headers.
		headers := [][2]string{{"Host", request.Host}}
		if request.ContentLength > 0 {
			headers = append(headers, [2]string{"Content-Length", strconv.FormatInt(request.ContentLength, 10)})
		}
		for _, coding := range request.TransferEncoding {
			headers = append(headers, [2]string{"Transfer-Encoding", coding})
		}
		for name, values := range request.Header {
			// Read from Content-Length above.
			if name == "Content-Length" {
				continue
			}
			for _, value := range values {
				headers = append(headers, [2]string{name, value})
			}
		}
		_, port, _ := net.SplitHostPort(request.RemoteAddr)
		connection, _ := strconv.Atoi(port)
		text := make([]rune, len(body))
		for at, octet := range body {
			text[at] = rune(octet)
		}
		line, _ := json.Marshal(seen{connection, request.Method, request.RequestURI, headers, string(text)})
		telling.Lock()
		fmt.Println(string(line))
		telling.Unlock()
		var message struct {
			ID json.RawMessage `json:"id"`
		}
		if json.Unmarshal(body, &message) != nil || message.ID == nil {
			message.ID = json.RawMessage("null")
		}
		answer.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(answer, `{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","content":[]}}`, message.ID)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("desync on http://%s/mcp\n", listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, http.HandlerFunc(handler)))
}
