package hayate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	pb "github.com/hayate-live/hayate-go/hayatev1"
	"google.golang.org/protobuf/proto"
)

// show is a server that does what a test says, and a viewer of it. Both run on synctest's clock,
// which advances only while all of them wait: no time in these tests is real.
type show struct {
	t       *testing.T
	viewer  *Viewer
	options Options
	pipes   chan net.Conn
	dials   []time.Duration
	began   time.Time
	peers   chan *peer
	refuse  func(http.ResponseWriter) bool // answers the upgrade itself
	stop    context.CancelFunc
	speaks  []string // subprotocols
	isMute  atomic.Bool

	mu     sync.Mutex
	events []Event
	err    error
	ended  bool
}

// serverConn loses what a mute server writes, its end included.
type serverConn struct {
	net.Conn
	isMute *atomic.Bool
}

func (c *serverConn) Write(bytes []byte) (int, error) {
	if c.isMute.Load() {
		return len(bytes), nil
	}
	return c.Conn.Write(bytes)
}

func (c *serverConn) Close() error {
	if c.isMute.Load() {
		return nil
	}
	return c.Conn.Close()
}

// peer is the server's side of one connection.
type peer struct {
	t        *testing.T
	conn     *websocket.Conn
	mu       sync.Mutex
	received []*pb.ClientMessage
	closed   websocket.StatusCode // of the viewer's close frame
}

const epoch1, epoch2 = 0x19b76daa800abcde, 0x19b76daa900abcde

func (s *show) Accept() (net.Conn, error) {
	conn, ok := <-s.pipes
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (s *show) Close() error   { return nil }
func (s *show) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// run plays a test in a bubble; the viewer begins to watch before it.
func run(t *testing.T, test func(*show), configure ...func(*show)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &show{t: t, pipes: make(chan net.Conn), peers: make(chan *peer, 100), began: time.Now()}
		s.speaks = []string{"hayate.v1"}
		s.options = Options{Server: "ws://127.0.0.1", Stream: "studio-7", Token: StaticToken("a.b.c")}
		s.options.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: s.dial}}
		for _, change := range configure {
			change(s)
		}
		server := &http.Server{Handler: http.HandlerFunc(s.serve)}
		go server.Serve(s)
		viewer, err := NewViewer(s.options)
		if err != nil {
			t.Fatal(err)
		}
		s.viewer = viewer
		s.watch()
		test(s)
		s.stop()
		time.Sleep(15 * time.Second) // Every handshake and timer has ended.
		close(s.pipes)
		server.Close()
		for len(s.peers) > 0 {
			(<-s.peers).conn.CloseNow()
		}
	})
}

func (s *show) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.ended = cancel, false
	go func() {
		for event, err := range s.viewer.Watch(ctx) {
			s.mu.Lock()
			if event != nil {
				s.events = append(s.events, event)
			}
			s.err = err
			s.mu.Unlock()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = true
	}()
}

func (s *show) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	s.dials = append(s.dials, time.Since(s.began))
	s.mu.Unlock()
	ours, theirs := net.Pipe()
	s.pipes <- &serverConn{theirs, &s.isMute}
	return ours, nil
}

func (s *show) serve(w http.ResponseWriter, r *http.Request) {
	if s.refuse != nil && s.refuse(w) {
		return
	}
	if r.URL.Path != "/watch" || r.URL.RawQuery != "" || r.Header.Get("Sec-WebSocket-Protocol") != "hayate.v1" {
		s.t.Errorf("the viewer asked for %v with %v", r.URL, r.Header)
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: s.speaks})
	if err != nil {
		s.t.Error(err)
		return
	}
	conn.SetReadLimit(1 << 20)
	p := &peer{t: s.t, conn: conn}
	s.peers <- p
	for {
		_, bytes, err := conn.Read(context.Background())
		m := new(pb.ClientMessage)
		if err == nil {
			err = proto.Unmarshal(bytes, m)
		}
		p.mu.Lock()
		if err != nil {
			p.closed = websocket.CloseStatus(err)
			p.mu.Unlock()
			return
		}
		p.received = append(p.received, m)
		p.mu.Unlock()
	}
}

// dialled gives when the viewer connected, since the test began.
func (s *show) dialled() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dials)
}

// next is the viewer's next connection, whose Watch has come. It waits for at most an hour.
func (s *show) next() (*peer, *pb.Watch) {
	s.t.Helper()
	select {
	case p := <-s.peers:
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.received) == 0 || p.received[0].Watch == nil {
			s.t.Fatalf("the first message is no Watch: %v", p.received)
		}
		return p, p.received[0].Watch
	case <-time.After(time.Hour):
		s.t.Fatal("the viewer did not connect")
		return nil, nil
	}
}

// live is the next connection, answered with an epoch.
func (s *show) live(nextSequence uint64) *peer {
	s.t.Helper()
	p, _ := s.next()
	p.send(&pb.ServerMessage{Watching: watching(epoch1, nextSequence)})
	return p
}

func watching(epoch, nextSequence uint64) *pb.Watching {
	return &pb.Watching{Epoch: epoch, NextSequence: nextSequence, ReceiptIntervalMs: 500, ServerUnixUs: uint64(time.Now().UnixMicro())}
}

func (p *peer) send(m *pb.ServerMessage) {
	p.t.Helper()
	bytes, err := proto.Marshal(m)
	if err == nil {
		err = p.conn.Write(context.Background(), websocket.MessageBinary, bytes)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	synctest.Wait()
}

func (p *peer) frames(frames ...*pb.Frame) {
	p.t.Helper()
	p.send(framed(frames...))
}

func framed(frames ...*pb.Frame) *pb.ServerMessage {
	m := new(pb.ServerMessage)
	for _, frame := range frames {
		bytes, err := proto.Marshal(frame)
		if err != nil {
			panic(err)
		}
		m.Frames = append(m.Frames, bytes)
	}
	return m
}

// pings gives the ids of the pings that came.
func (p *peer) pings() (ids []uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.received {
		if m.Ping != nil {
			ids = append(ids, m.Ping.Id)
		}
	}
	return ids
}

func (p *peer) receipts() (sequences []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.received {
		if m.Receipt != nil {
			sequences = append(sequences, m.Receipt.Sequence)
		}
	}
	return sequences
}

func (p *peer) close(code websocket.StatusCode) {
	p.conn.Close(code, "")
	synctest.Wait()
}

func (p *peer) cut() {
	p.conn.CloseNow()
	synctest.Wait()
}

func (p *peer) closedWith() websocket.StatusCode {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

func event(sequence uint64) *pb.Frame {
	payload, _ := proto.Marshal(&pb.Event{Body: &pb.Event_Custom_{Custom: &pb.Event_Custom{Type: "tick"}}})
	return frame(sequence, pb.Kind_KIND_EVENT, payload)
}

func frame(sequence uint64, kind pb.Kind, payload []byte) *pb.Frame {
	return &pb.Frame{Stream: "studio-7", Epoch: epoch1, Sequence: sequence, Kind: kind, Payload: payload, CaptureUs: sequence * 20_000}
}

func header(sequence uint64) *pb.Frame {
	payload, _ := proto.Marshal(&pb.StreamHeader{Title: fmt.Sprint("title ", sequence)})
	return frame(sequence, pb.Kind_KIND_HEADER, payload)
}

// motion is a key, or a delta over keySequence, in which a shape has a weight.
func motion(sequence uint64, keySequence int, weight byte) *pb.Frame {
	payload, _ := proto.Marshal(&pb.Motion{ShapeMask: []byte{1}, Shapes: []byte{weight}})
	f := frame(sequence, pb.Kind_KIND_MOTION, payload)
	if keySequence < 0 {
		f.Flags = 1
	} else {
		f.KeySequence = uint64(keySequence)
	}
	return f
}

// saw checks everything that the application got since the last call, as text writes it.
func (s *show) saw(want ...string) {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []string
	for _, event := range s.events {
		got = append(got, text(event))
	}
	s.events = nil
	if !slices.Equal(got, want) {
		s.t.Fatalf("the application saw\n  %s\nnot\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func text(event Event) string {
	switch e := event.(type) {
	case *pb.Watching:
		return fmt.Sprintf("watching %x %d", e.Epoch, e.NextSequence)
	case *Frame:
		return fmt.Sprintf("frame %d", e.Sequence)
	case *pb.Gap:
		return fmt.Sprintf("gap %d-%d %v", e.First, e.Last, e.Reason)
	case *pb.Ended:
		return fmt.Sprintf("ended %d %v", e.NextSequence, e.Reason)
	case *pb.Audience:
		return fmt.Sprintf("audience %d", e.Viewers)
	case *Closed:
		return fmt.Sprintf("closed %d %t", e.Code, e.Retry)
	}
	return fmt.Sprintf("%T", event)
}

var live = fmt.Sprintf("watching %x 0", epoch1)

// result waits for the end of Watch.
func (s *show) result() error {
	s.t.Helper()
	for range 100 {
		time.Sleep(time.Second)
		s.mu.Lock()
		ended, err := s.ended, s.err
		s.mu.Unlock()
		if ended {
			return err
		}
	}
	s.t.Fatal("Watch continues")
	return nil
}

func status(code int, header ...string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		io.WriteString(w, "refused")
		return true
	}
}

func isCanceled(err error) bool { return errors.Is(err, context.Canceled) }

func marshalHeader(origin time.Time) ([]byte, error) {
	return proto.Marshal(&pb.StreamHeader{OriginUnixUs: uint64(origin.UnixMicro()), OriginErrorUs: 1000})
}
