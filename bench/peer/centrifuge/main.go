// Centrifuge, the library inside Centrifugo. It has one channel for each stream, publishes to it in
// this process, and serves viewers over its bidirectional WebSocket protocol. Flags, lines and
// marks are those of every measured server: see ../server-child.ts.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/centrifugal/centrifuge"
	"golang.org/x/sys/unix"
)

const markBytes = 32

// mark writes the mark of mark.h at the beginning of a payload.
func mark(payload []byte, stream int, sequence uint64) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		log.Fatal(err)
	}
	copy(payload, "\x9e\xf7hayate")
	binary.LittleEndian.PutUint64(payload[8:], sequence)
	binary.LittleEndian.PutUint64(payload[16:], uint64(now.Nano()/1000))
	binary.LittleEndian.PutUint32(payload[24:], uint32(stream))
	binary.LittleEndian.PutUint32(payload[28:], uint32(len(payload)))
}

func main() {
	streams := flag.Int("streams", 1, "")
	rate := flag.Int("rate", 50, "payloads a second and stream")
	bytes := flag.Int("bytes", 640, "of a payload")
	batchMs := flag.Int("batch-ms", 0, "how long a client's messages are gathered for one write")
	flag.Parse()
	if *bytes < markBytes {
		log.Fatal("--bytes")
	}
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials: &centrifuge.Credentials{UserID: "bench"},
			WriteDelay:  time.Duration(*batchMs) * time.Millisecond,
		}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin: func(*http.Request) bool { return true },
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(listener, nil)) }()

	var going atomic.Bool
	go tick(node, &going, *streams, *bytes, time.Second/time.Duration(*rate))
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		going.Store(lines.Text() == "go")
	}
}

// tick publishes each stream's payloads as they fall due. Streams are out of step with one another.
// A server that cannot keep up is asked for less, not for more at once.
func tick(node *centrifuge.Node, going *atomic.Bool, streams, bytes int, period time.Duration) {
	due := make([]time.Time, streams)
	sequences := make([]uint64, streams)
	for i := range due {
		due[i] = time.Now().Add(period * time.Duration(i) / time.Duration(streams))
	}
	for {
		next := 0
		for i := range due {
			if due[i].Before(due[next]) {
				next = i
			}
		}
		time.Sleep(time.Until(due[next]))
		if due[next] = due[next].Add(period); due[next].Before(time.Now()) {
			due[next] = time.Now()
		}
		if !going.Load() {
			continue
		}
		payload := make([]byte, bytes)
		mark(payload, next, sequences[next])
		sequences[next]++
		if _, err := node.Publish(fmt.Sprintf("bench-%d", next), payload); err != nil {
			log.Fatal(err)
		}
	}
}
