// Package hayate watches live avatar broadcasts of a Hayate server: motion, voice and events.
//
// It follows spec/wire.md and spec/behaviour.md of Hayate; comments name their sections. A [Viewer]
// reconnects by itself, gives each frame once, and says which frames are missing.
package hayate

//go:generate npx buf generate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	pb "github.com/hayate-live/hayate-go/hayatev1"
)

// Options say what to watch. Server, Stream and Token are required.
type Options struct {
	// Server is wss://host, with a path if the server has one. Plain ws:// is for the same machine.
	Server string
	// Stream is the name of the stream.
	Stream string
	// Token is asked before each connection, and again before a token runs out.
	Token func(context.Context) (Token, error)
	// HTTPClient opens the connections. Default: http.DefaultClient.
	HTTPClient *http.Client
	// Logger is told about connections, never about tokens. Default: nothing is logged.
	Logger *slog.Logger
}

// Token is a JWT that grants watching (wire.md, "Tokens").
type Token struct {
	Value string
	// Expires is when it runs out, by the server's clock. Zero: it is not renewed while connected.
	Expires time.Time
}

// StaticToken gives the same token to each connection.
func StaticToken(value string) func(context.Context) (Token, error) {
	return func(context.Context) (Token, error) { return Token{Value: value}, nil }
}

// Event is one of:
//   - *hayatev1.Watching: an epoch is live; epoch 0: nobody broadcasts, or the server does not
//     know yet
//   - [*Frame]: a frame of that epoch
//   - *hayatev1.Gap: frames that will not come; some of them may have come before, or come late
//   - *hayatev1.Ended: the epoch is over; after END_REASON_LOST the same epoch may continue
//   - *hayatev1.Audience: the number of viewers
//   - [*Closed]: a connection ended, or could not be opened
type Event any

// Frame is a frame, given once.
type Frame struct {
	*pb.Frame
	// Content is the payload: *hayatev1.StreamHeader, *hayatev1.Audio, *hayatev1.Event (without a
	// body if it is of a later version) or [*Pose], which is whole for a delta too. It is nil for
	// GAME and users' kinds.
	Content any
	// Key is the key under a delta of MOTION or GAME, else nil.
	Key *Frame
	// Captured is when it was captured, by this machine's clock, ± CapturedError; zero if unknown.
	// The time since then, when the frame is shown, is the latency (behaviour.md, "Clocks and
	// latency").
	Captured      time.Time
	CapturedError time.Duration
}

// Closed says how a connection ended.
type Closed struct {
	// Code is the close code (wire.md, "Close codes"); 1006 if the connection was lost or refused.
	Code int
	// Retry says that the viewer connects again by itself.
	Retry bool
	Err   error
	after time.Duration // Retry-After
}

func (c *Closed) Error() string { return fmt.Sprintf("hayate: closed with %d: %v", c.Code, c.Err) }

// Unwrap gives the cause.
func (c *Closed) Unwrap() error { return c.Err }

// permanent holds the codes after which a viewer does not return (wire.md, "Close codes"; rule C8).
var permanent = []int{1000, 1002, 1003, 1007, 1008, 1009, 1010,
	4400, 4401, 4403, 4409, 4410, 4412, 4413, 4414, 4415}

// NewViewer checks the options. Nothing is connected before [Viewer.Watch].
func NewViewer(options Options) (*Viewer, error) {
	u, err := url.Parse(options.Server)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || options.Token == nil {
		return nil, errors.New("hayate: Server must be a URL without user and query; Token must be set")
	}
	isLocal := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	if u.Scheme != "wss" && (u.Scheme != "ws" || !isLocal) {
		return nil, errors.New("hayate: Server must be wss://, or ws:// on the same machine")
	}
	client := *cmp.Or(options.HTTPClient, http.DefaultClient)
	// A redirect could lead the token to another host.
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	options.HTTPClient = &client
	options.Logger = cmp.Or(options.Logger, slog.New(slog.DiscardHandler))
	v := &Viewer{Options: options, Stats: map[string]int{}, inbox: make(chan func(), 16)}
	v.url = u.JoinPath("watch").String()
	return v, nil
}
