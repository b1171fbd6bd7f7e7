package hayate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/coder/websocket"
	pb "github.com/hayate-live/hayate-go/hayatev1"
	"google.golang.org/protobuf/proto"
)

// messageBytesMax bounds a ServerMessage: a current group of 257 frames fits.
const messageBytesMax = 257 << 16

// link is one connection. A goroutine reads it; the loop of [Viewer.Watch] does everything else.
type link struct {
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	inbox  chan<- func()
	left   chan struct{}   // closed when the loop has left the connection
	socket *websocket.Conn // once open
	token  Token

	answerBy, answeredAt time.Time
	pingAt, silentAt     time.Time
	renewAt, reportedAt  time.Time
	unreported           bool // frames came since the last receipt
	pingCount            uint32
	pings                [16]time.Time // when the last were sent, by id modulo 16
}

func newLink(inbox chan<- func()) *link {
	ctx, cancel := context.WithCancel(context.Background())
	return &link{ctx: ctx, cancel: cancel, inbox: inbox, left: make(chan struct{})}
}

// tell lets the viewer's loop call report, unless it has left the connection.
func (c *link) tell(report func()) {
	select {
	case c.inbox <- report:
	case <-c.left:
	}
}

func (c *link) heard() { c.tell(func() { c.silentAt = time.Time{} }) }

// send writes a message. These are small: a connection that does not take one within 2 s is lost.
func (c *link) send(m *pb.ClientMessage) {
	ctx, cancel := context.WithTimeout(c.ctx, 2*time.Second)
	defer cancel()
	bytes, err := proto.Marshal(m)
	if err != nil || c.socket.Write(ctx, websocket.MessageBinary, bytes) != nil {
		go c.socket.CloseNow() // The reader learns of it.
	}
}

// ping sends the next Ping (rule C3).
func (c *link) ping(now time.Time) {
	c.pingCount++
	c.pings[c.pingCount%uint32(len(c.pings))] = now
	c.pingAt = now.Add(time.Second)
	if c.pingCount < 5 {
		c.pingAt = now.Add(100 * time.Millisecond)
	}
	if c.silentAt.IsZero() {
		c.silentAt = now.Add(silenceMax)
	}
	c.send(&pb.ClientMessage{Ping: &pb.Ping{Id: c.pingCount}})
}

// leave closes the connection with 1000, and cuts it after a second.
func (c *link) leave() {
	close(c.left)
	if c.socket == nil {
		c.cancel()
		return
	}
	time.AfterFunc(time.Second, c.cancel)
	go c.socket.Close(websocket.StatusNormalClosure, "")
}

// connect opens a connection and reads it to its end.
func (v *Viewer) connect(c *link) {
	defer c.cancel()
	socket, end := v.open(c)
	for end == nil {
		kind, bytes, err := socket.Read(c.ctx)
		m := new(pb.ServerMessage)
		if err != nil {
			end = lost(nil, err)
		} else if kind != websocket.MessageBinary || proto.Unmarshal(bytes, m) != nil {
			end = lost(nil, errors.New("not a ServerMessage"))
		} else {
			c.tell(func() { v.take(c, m) })
		}
	}
	if socket != nil {
		go socket.CloseNow()
	}
	c.tell(func() { v.closed(c, end) })
}

// open gets a token, connects and sends Watch (rules C1, C2, C6).
func (v *Viewer) open(c *link) (*websocket.Conn, *Closed) {
	ctx, cancel := context.WithTimeout(c.ctx, answerWithin)
	defer cancel()
	token, err := v.Token(ctx)
	if err != nil {
		return nil, lost(nil, fmt.Errorf("no token: %w", err))
	}
	socket, response, err := websocket.Dial(ctx, v.url, &websocket.DialOptions{
		HTTPClient:     v.HTTPClient,
		Subprotocols:   []string{"hayate.v1"},
		OnPingReceived: func(context.Context, []byte) bool { c.heard(); return true },
		OnPongReceived: func(context.Context, []byte) { c.heard() },
	})
	if err != nil {
		return nil, lost(response, err)
	}
	if socket.Subprotocol() != "hayate.v1" {
		socket.CloseNow()
		return nil, &Closed{Code: 1006, Err: errors.New("the server does not speak hayate.v1")}
	}
	socket.SetReadLimit(messageBytesMax)
	c.tell(func() {
		c.socket, c.token, c.answerBy = socket, token, time.Now().Add(answerWithin)
		watch := &pb.Watch{Stream: v.Stream, Token: token.Value}
		watch.Epoch, watch.NextSequence = v.epoch.number, v.epoch.next
		c.send(&pb.ClientMessage{Watch: watch})
	})
	return socket, nil
}

// lost says how a connection ended: by a close frame, by an HTTP answer to the upgrade, or otherwise.
func lost(response *http.Response, err error) *Closed {
	end := &Closed{Code: 1006, Retry: true, Err: err}
	if code := int(websocket.CloseStatus(err)); code > 0 {
		end.Code, end.Retry = code, !slices.Contains(permanent, code)
	} else if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
		status, after := response.StatusCode, response.Header.Get("Retry-After")
		end.Retry = status == 408 || status == 425 || status == 429 || status >= 500
		if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
			end.after = time.Duration(seconds) * time.Second
		} else if at, err := http.ParseTime(after); err == nil {
			end.after = time.Until(at)
		}
	}
	return end
}

// planRenewal renews a token 30 s before it runs out, or after three quarters of its time.
func (v *Viewer) planRenewal(c *link) {
	left := c.token.Expires.Sub(time.Now().Add(v.best().offset))
	if !c.token.Expires.IsZero() {
		c.renewAt = time.Now().Add(left - min(30*time.Second, left/4))
	}
}

// renew gets a new token and sends it on the connection (rule C10).
func (v *Viewer) renew(c *link) {
	ctx, cancel := context.WithTimeout(c.ctx, answerWithin)
	defer cancel()
	token, err := v.Token(ctx)
	c.tell(func() {
		if err != nil || !token.Expires.After(c.token.Expires) {
			c.renewAt = time.Now().Add(5 * time.Second)
			return
		}
		c.token = token
		c.send(&pb.ClientMessage{Token: token.Value})
		v.planRenewal(c)
	})
}
