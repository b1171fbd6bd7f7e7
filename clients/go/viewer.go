package hayate

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	pb "github.com/hayate-live/hayate-go/hayatev1"
	"google.golang.org/protobuf/proto"
)

const (
	answerWithin = 10 * time.Second // for a connection to open, and again for its first answer
	silenceMax   = 8 * time.Second  // while a Ping waits and nothing comes
	steadyAfter  = 5 * time.Second  // a connection that lived for this long resets the waits
	beliefAfter  = 2 * time.Second  // until a returning viewer believes that nobody broadcasts
	sequenceMax  = 1<<53 - 1
)

// Viewer watches a stream. It keeps its place when [Viewer.Watch] ends: the next call returns there.
type Viewer struct {
	Options
	// Stats counts "connections", and the frames that the application did not get: "duplicate",
	// "unreadable" (they break the contract), "unknown" (a kind of a later version), "stale" (a
	// HEADER older than one that came), "without key", "stranger" (another epoch or stream). Read
	// it in the loop over Watch, or after that.
	Stats map[string]int

	url   string
	inbox chan func() // reports of the connections, which the loop calls
	links sync.WaitGroup
	yield func(Event, error) bool
	over  bool

	epoch         epoch
	playing       bool // Watching named the epoch, and neither Ended nor epoch 0 came since
	ended         *pb.Ended
	notLive       *pb.Watching // to be believed at believeAt
	believeAt     time.Time
	live, attempt *link     // live is answered; attempt is on its way
	attemptAt     time.Time // when the next attempt begins
	attempts      int       // since a connection was steady
	interval      time.Duration
	samples       []sample
}

// sample is what a Ping and its Pong tell (behaviour.md, "Clocks and latency").
type sample struct {
	at                time.Time
	roundTrip, offset time.Duration
}

// Watch connects and gives each event in order, until ctx ends, the server closes with 1000, or it
// closes for good: then a [*Closed] comes with itself as the error.
//
// The viewer reads, pings and reports nothing while the loop's body runs. If the body is slow, the
// server drops old frames and names them in a Gap with GAP_REASON_SLOW; after some seconds it closes
// the connection. At most one Watch of a Viewer may run.
func (v *Viewer) Watch(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		defer v.leave()
		v.yield, v.over, v.attemptAt = yield, false, time.Now()
		for !v.over {
			select {
			case <-ctx.Done():
				v.emit(nil, ctx.Err())
				return
			case report := <-v.inbox:
				report()
			case <-ticker.C:
				v.tick(time.Now())
			}
		}
	}
}

func (v *Viewer) emit(event Event, err error) { v.over = v.over || !v.yield(event, err) }

// leave closes every connection.
func (v *Viewer) leave() {
	for _, c := range []*link{v.live, v.attempt} {
		if c != nil {
			c.leave()
		}
	}
	v.live, v.attempt = nil, nil
	v.links.Wait()
}

// tick does everything that is due.
func (v *Viewer) tick(now time.Time) {
	due := func(at time.Time) bool { return !at.IsZero() && !at.After(now) }
	if v.attempt == nil && due(v.attemptAt) {
		v.attempt, v.attemptAt = newLink(v.inbox), time.Time{}
		c := v.attempt
		v.links.Go(func() { v.connect(c) })
	}
	if v.attempt != nil && due(v.attempt.answerBy) {
		v.closed(v.attempt, lost(nil, errors.New("no answer")))
	}
	if due(v.believeAt) {
		v.playing, v.believeAt = false, time.Time{}
		v.emit(v.notLive, nil)
	}
	if c := v.live; c != nil {
		if due(c.renewAt) {
			c.renewAt = time.Time{}
			v.links.Go(func() { v.renew(c) })
		}
		if due(c.pingAt) {
			c.ping(now)
		}
		v.report(c, now)
		if due(c.silentAt) && len(v.inbox) == 0 {
			v.closed(c, lost(nil, errors.New("silent")))
		}
	}
}

// closed takes the end of a connection: the viewer waits and tries again, or is over.
func (v *Viewer) closed(c *link, end *Closed) {
	moving := c == v.live && (v.attempt != nil || !v.attemptAt.IsZero())
	switch c {
	case v.live:
		v.live, v.believeAt = nil, time.Time{}
		if time.Since(c.answeredAt) >= steadyAfter {
			v.attempts = 0
		}
	case v.attempt:
		v.attempt = nil
	default:
		return // The viewer left it.
	}
	close(c.left)
	c.cancel()
	end.Retry = end.Retry || moving // The new connection decides (behaviour.md, "GoAway").
	v.Logger.Info("connection ended", "code", end.Code, "retry", end.Retry, "cause", end.Err)
	if end.Retry && !moving {
		wait := min(10*time.Second, 250*time.Millisecond<<min(v.attempts, 6)) // behaviour.md, "Waiting"
		v.attempts++
		v.attemptAt = time.Now().Add(max(end.after, wait/2+rand.N(wait/2)))
	}
	if end.Retry || end.Code == 1000 {
		v.emit(end, nil)
	} else {
		v.emit(end, end)
	}
	v.over = v.over || !end.Retry
}

// take handles a message: its parts in the order of wire.md, "Messages".
func (v *Viewer) take(c *link, m *pb.ServerMessage) {
	now := time.Now()
	c.silentAt = time.Time{}
	if m.Watching != nil && (c == v.live || c == v.attempt) {
		v.watching(c, m.Watching, now)
	}
	if c != v.live {
		return
	}
	v.takeFrames(c, m)
	if p := m.Pong; p != nil && p.Id != 0 && c.pingCount-p.Id < uint32(len(c.pings)) {
		v.measure(c.pings[p.Id%uint32(len(c.pings))], now, p.ServerUnixUs)
	}
	if m.Audience != nil {
		v.emit(m.Audience, nil)
	}
	if e := m.Ended; e != nil && e.Epoch == v.epoch.number && e.Epoch != 0 {
		if e.Reason == 0 || pb.EndReason_name[int32(e.Reason)] == "" {
			e.Reason = pb.EndReason_END_REASON_LOST
		}
		if v.playing || !proto.Equal(e, v.ended) {
			v.ended, v.playing, v.believeAt = e, false, time.Time{}
			v.emit(e, nil)
		}
	}
	if m.GoAway != nil && v.attempt == nil && v.attemptAt.IsZero() {
		within := min(2*time.Second, time.Duration(m.GoAway.CloseAfterMs)*time.Millisecond/2)
		v.attemptAt = now.Add(rand.N(within + 1))
	}
	v.report(c, now)
}

// watching takes a Watching. The first of a connection answers its Watch and makes it the live one.
func (v *Viewer) watching(c *link, w *pb.Watching, now time.Time) {
	if c == v.attempt {
		if v.live != nil {
			v.live.leave()
		}
		v.live, v.attempt = c, nil
		v.Stats["connections"]++
		c.answeredAt, c.reportedAt, c.pingAt = now, now, now
		if len(v.samples) == 0 {
			v.measure(now.Add(-answerWithin), now, w.ServerUnixUs)
		}
		v.planRenewal(c)
	}
	v.interval = time.Duration(cmp.Or(w.ReceiptIntervalMs, 500)) * time.Millisecond
	if w.Epoch == 0 && v.playing {
		v.notLive, v.believeAt = w, now.Add(beliefAfter)
		return
	}
	if w.Epoch != 0 {
		v.playing, v.believeAt = true, time.Time{}
	}
	if w.Epoch != 0 && w.Epoch != v.epoch.number {
		v.epoch = epoch{number: w.Epoch, next: w.NextSequence, keys: map[[2]uint32][]*Frame{}}
		c.unreported = false
	}
	v.emit(w, nil)
}

// takeFrames takes the gaps and frames of a message as one set, ascending by sequence (rule V4).
func (v *Viewer) takeFrames(c *link, m *pb.ServerMessage) {
	var items []Event
	for _, gap := range m.Gaps {
		if gap.Reason == 0 || pb.GapReason_name[int32(gap.Reason)] == "" {
			gap.Reason = pb.GapReason_GAP_REASON_LOST
		}
		items = append(items, gap)
	}
	for _, bytes := range m.Frames {
		f := &Frame{Frame: new(pb.Frame)}
		if proto.Unmarshal(bytes, f.Frame) != nil || f.Sequence > sequenceMax || f.Participant > 63 {
			v.Stats["unreadable"]++
		} else if f.Epoch != v.epoch.number || f.Stream != v.Stream {
			v.Stats["stranger"]++
		} else {
			items = append(items, f)
		}
	}
	first := func(item Event) uint64 {
		if gap, ok := item.(*pb.Gap); ok {
			return gap.First
		}
		return item.(*Frame).Sequence
	}
	slices.SortStableFunc(items, func(a, b Event) int { return cmp.Compare(first(a), first(b)) })
	for _, item := range items {
		if f, ok := item.(*Frame); ok {
			v.takeFrame(c, f)
		} else {
			v.emit(item, nil)
		}
	}
}

func (v *Viewer) takeFrame(c *link, f *Frame) {
	c.unreported = true
	if isFirst := len(v.epoch.had) == 0; !v.epoch.had.add(f.Sequence) {
		v.Stats["duplicate"]++
		return
	} else if isFirst || f.Sequence >= v.epoch.next {
		v.epoch.next = f.Sequence + 1
	}
	v.playing, v.believeAt = true, time.Time{}
	if why := v.epoch.read(f); why != "" {
		v.Stats[why]++
		return
	}
	if header := v.epoch.header; header != nil && header.Content.(*pb.StreamHeader).OriginUnixUs > 0 {
		origin, best := header.Content.(*pb.StreamHeader), v.best()
		f.Captured = time.UnixMicro(int64(origin.OriginUnixUs + f.CaptureUs)).Add(-best.offset)
		f.CapturedError = best.roundTrip/2 + time.Duration(origin.OriginErrorUs)*time.Microsecond
	}
	v.emit(f, nil)
}

// report sends a Receipt of the largest sequence that arrived, if one is due (rules V7, V8).
func (v *Viewer) report(c *link, now time.Time) {
	if c.unreported && now.Sub(c.reportedAt) >= v.interval {
		c.send(&pb.ClientMessage{Receipt: &pb.Receipt{Epoch: v.epoch.number, Sequence: v.epoch.next - 1}})
		c.unreported, c.reportedAt = false, now
	}
}

func (v *Viewer) measure(sent, now time.Time, serverUnixUs uint64) {
	roundTrip := now.Sub(sent)
	offset := time.UnixMicro(int64(serverUnixUs)).Add(roundTrip / 2).Sub(now)
	v.samples = append(v.samples, sample{now, roundTrip, offset})
	v.samples = slices.DeleteFunc(v.samples, func(s sample) bool { return now.Sub(s.at) > time.Minute })
}

// best is the sample of the smallest round trip of the last minute.
func (v *Viewer) best() sample {
	return slices.MinFunc(v.samples, func(a, b sample) int { return cmp.Compare(a.roundTrip, b.roundTrip) })
}
