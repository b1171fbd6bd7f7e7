package hayate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/coder/websocket"
	pb "github.com/hayate-live/hayate-go/hayatev1"
)

func TestALateViewerGetsTheCurrentGroupAndThenEveryFrame(t *testing.T) {
	run(t, func(s *show) {
		p, watch := s.next()
		if watch.Stream != "studio-7" || watch.Token != "a.b.c" || watch.Epoch != 0 || watch.NextSequence != 0 {
			t.Errorf("a new viewer sent %v", watch)
		}
		p.send(&pb.ServerMessage{Watching: &pb.Watching{}})
		s.saw("watching 0 0")
		p.send(&pb.ServerMessage{Watching: watching(epoch1, 120), Audience: &pb.Audience{Viewers: 3}})
		p.frames(header(0), motion(100, -1, 1), motion(119, 100, 2))
		p.frames(event(120), event(121))
		s.saw(fmt.Sprintf("watching %x 120", epoch1), "audience 3", "frame 0", "frame 100", "frame 119", "frame 120", "frame 121")
	})
}

func TestGapsAndFramesOfAMessageComeInTheOrderOfTheirSequences(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		m := framed(event(9), event(2), event(6))
		m.Gaps = []*pb.Gap{{First: 7, Last: 8, Reason: 2}, {First: 3, Last: 5, Reason: 1}, {First: 10, Last: 10, Reason: 99}}
		p.send(m)
		s.saw(live, "frame 2", "gap 3-5 GAP_REASON_LOST", "frame 6", "gap 7-8 GAP_REASON_SLOW", "frame 9", "gap 10-10 GAP_REASON_LOST")
	})
}

func TestAFrameComesOnceAndALateFrameFillsItsGap(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		p.frames(event(0), event(1), event(1), event(5))
		p.send(&pb.ServerMessage{Gaps: []*pb.Gap{{First: 0, Last: 4, Reason: 1}, {First: 2, Last: 6, Reason: 3}}})
		p.frames(event(3), event(5), event(3))
		s.saw(live, "frame 0", "frame 1", "frame 5", "gap 0-4 GAP_REASON_LOST", "gap 2-6 GAP_REASON_EXPIRED", "frame 3")
		if got := s.viewer.Stats["duplicate"]; got != 3 {
			t.Errorf("%d duplicates were counted", got)
		}
	})
}

func TestAnOlderHeaderIsNotGivenAndAnOlderKeyReplacesNothing(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(200)
		p.frames(header(150))
		p.frames(header(0), motion(190, -1, 1), motion(195, -1, 2))
		p.frames(motion(180, -1, 3))
		p.frames(motion(200, 190, 4), motion(201, 195, 5), motion(202, 180, 6))
		s.saw(fmt.Sprintf("watching %x 200", epoch1), "frame 150", "frame 190", "frame 195", "frame 180", "frame 200", "frame 201")
		if got := s.viewer.Stats["without key"]; got != 1 {
			t.Errorf("%d deltas without a key", got)
		}
	})
}

func TestADeltaIsAWholePoseOverTheKeyOfItsOwnParticipant(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		other := motion(1, -1, 99)
		other.Participant = 1
		strange := motion(2, 1, 7)
		delta := motion(3, 0, 5)
		game, gameDelta := frame(4, pb.Kind_KIND_GAME, []byte("key")), frame(5, pb.Kind_KIND_GAME, []byte("delta"))
		game.Flags, gameDelta.KeySequence = 1, 4
		p.frames(motion(0, -1, 1), other, strange, delta, game, gameDelta)
		s.mu.Lock()
		last, gameFrame := s.events[3].(*Frame), s.events[5].(*Frame)
		s.mu.Unlock()
		if weight := last.Content.(*Pose).Weight(0); weight != 5.0/255 {
			t.Errorf("the weight is %v", weight)
		}
		if string(gameFrame.Key.Payload) != "key" {
			t.Errorf("the delta of the game stands on %v", gameFrame.Key)
		}
		s.saw(live, "frame 0", "frame 1", "frame 3", "frame 4", "frame 5")
	})
}

func TestAReturningViewerNamesWhereItWas(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		p.frames(event(0), event(41))
		p.cut()
		p, watch := s.next()
		if watch.Epoch != epoch1 || watch.NextSequence != 42 {
			t.Errorf("it returned with %v", watch)
		}
		p.send(&pb.ServerMessage{Watching: watching(epoch1, 100)})
		m := framed(event(40), event(41), event(98), event(100))
		m.Gaps = []*pb.Gap{{First: 42, Last: 99, Reason: 3}}
		p.send(m)
		s.saw(live, "frame 0", "frame 41", "closed 1006 true", fmt.Sprintf("watching %x 100", epoch1), "frame 40",
			"gap 42-99 GAP_REASON_EXPIRED", "frame 98", "frame 100")
	})
}

func TestAnotherEpochBeginsFromNothing(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		p.frames(motion(0, -1, 1), event(1))
		p.send(&pb.ServerMessage{Watching: watching(epoch2, 0)})
		delta, again := motion(2, 0, 1), event(1)
		delta.Epoch, again.Epoch = epoch2, epoch2
		p.frames(delta, again, event(2))
		s.saw(live, "frame 0", "frame 1", fmt.Sprintf("watching %x 0", epoch2), "frame 1")
		if s.viewer.Stats["without key"] != 1 || s.viewer.Stats["stranger"] != 1 {
			t.Errorf("counted %v", s.viewer.Stats)
		}
	})
}

func TestAReturningViewerBelievesOnlyAfterTwoSecondsThatNobodyBroadcasts(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		p.cut()
		p, _ = s.next()
		p.send(&pb.ServerMessage{Watching: &pb.Watching{}})
		time.Sleep(1900 * time.Millisecond)
		s.saw(live, "closed 1006 true")
		p.send(&pb.ServerMessage{Watching: watching(epoch1, 0)})
		time.Sleep(3 * time.Second)
		s.saw(live)
		p.cut()
		p, _ = s.next()
		p.send(&pb.ServerMessage{Watching: &pb.Watching{}})
		time.Sleep(2100 * time.Millisecond)
		s.saw("closed 1006 true", "watching 0 0")
	})
}

func TestTheViewerStaysAfterEnded(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		p.frames(event(0))
		lost := &pb.Ended{Epoch: epoch1, NextSequence: 1, Reason: 99}
		p.send(&pb.ServerMessage{Ended: lost})
		p.send(&pb.ServerMessage{Ended: &pb.Ended{Epoch: epoch2, NextSequence: 1, Reason: 1}})
		p.send(&pb.ServerMessage{Watching: watching(epoch1, 1)})
		p.frames(event(0), event(1))
		p.send(&pb.ServerMessage{Ended: &pb.Ended{Epoch: epoch1, NextSequence: 2, Reason: 1}})
		p.send(&pb.ServerMessage{Watching: &pb.Watching{}})
		s.saw(live, "frame 0", "ended 1 END_REASON_LOST", fmt.Sprintf("watching %x 1", epoch1), "frame 1", "ended 2 END_REASON_FINISHED", "watching 0 0")
		if p.closedWith() != 0 {
			t.Errorf("the viewer left with %v", p.closedWith())
		}
	})
}

func TestReceiptsNameTheLargestSequenceOnceAnInterval(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		for sequence := range uint64(100) {
			p.frames(event(sequence))
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		receipts := p.receipts()
		if len(receipts) != 4 || receipts[3] != 99 {
			t.Errorf("in 2 s of frames and 5 s of silence it reported %v", receipts)
		}
		p.frames(event(7)) // A duplicate came all the same: the server awaits its receipt.
		time.Sleep(time.Second)
		if receipts := p.receipts(); len(receipts) != 5 || receipts[4] != 99 {
			t.Errorf("after a duplicate it reported %v", receipts)
		}
	})
}

func TestAMessageIsAnOccasionForAReceipt(t *testing.T) {
	run(t, func(s *show) {
		p, _ := s.next()
		w := watching(epoch1, 0)
		w.ReceiptIntervalMs = 525 // No tick of the viewer falls on its end.
		p.send(&pb.ServerMessage{Watching: w})
		p.frames(event(0))
		time.Sleep(530 * time.Millisecond)
		if len(p.receipts()) != 0 {
			t.Fatal("a tick has reported: this test tells nothing")
		}
		p.send(&pb.ServerMessage{})
		if receipts := p.receipts(); len(receipts) != 1 {
			t.Errorf("it reported %v", receipts)
		}
	})
}

func TestPingsMeasureTheServersClock(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		time.Sleep(460 * time.Millisecond)
		if ids := p.pings(); len(ids) != 5 {
			t.Errorf("%d pings in the first 460 ms", len(ids))
		}
		time.Sleep(3 * time.Second)
		ids := p.pings()
		if len(ids) != 8 {
			t.Errorf("%d pings in 3.46 s", len(ids))
		}
		time.Sleep(40 * time.Millisecond)
		ahead := 90 * time.Second
		p.send(&pb.ServerMessage{Pong: &pb.Pong{Id: ids[7], ServerUnixUs: uint64(time.Now().Add(ahead).UnixMicro())}})
		p.send(&pb.ServerMessage{Pong: &pb.Pong{Id: 1000, ServerUnixUs: 1}})
		origin := time.Now().Add(ahead - time.Second)
		h := header(0)
		h.Payload, _ = marshalHeader(origin)
		p.frames(h)
		s.mu.Lock()
		defer s.mu.Unlock()
		f := s.events[len(s.events)-1].(*Frame)
		if off := f.Captured.Add(time.Second).Sub(time.Now()); off.Abs() > f.CapturedError || f.CapturedError > 300*time.Millisecond {
			t.Errorf("the moment of capture is off by %v, ± %v", off, f.CapturedError)
		}
	})
}

func TestASilentConnectionIsGivenUpAfterEightSecondsUnlessItPings(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		for range 10 {
			time.Sleep(5 * time.Second)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			if err := p.conn.Ping(ctx); err != nil {
				t.Error(err)
			}
			cancel()
		}
		s.saw(live)
		before := time.Now()
		s.next()
		if after := time.Since(before); after < 7*time.Second || after > 9*time.Second {
			t.Errorf("it returned after %v", after)
		}
		s.saw("closed 1006 true")
	})
}

func TestAFirstMessageWithoutAnswerIsGivenUpAfterTenSeconds(t *testing.T) {
	run(t, func(s *show) {
		s.next()
		before := time.Now()
		s.next()
		if after := time.Since(before); after < 10*time.Second || after > 11*time.Second {
			t.Errorf("it returned after %v", after)
		}
		s.saw("closed 1006 true")
	})
}

func TestWaitsGrowAndASteadyConnectionResetsThem(t *testing.T) {
	run(t, func(s *show) {
		for attempt := range 9 {
			p := s.live(0)
			before := time.Now()
			p.cut()
			p, _ = s.next()
			wait := min(10*time.Second, 250*time.Millisecond<<attempt)
			if waited := time.Since(before); waited < wait/2 || waited > wait+100*time.Millisecond {
				t.Errorf("attempt %d came after %v, not %v to %v", attempt, waited, wait/2, wait)
			}
			s.peers <- p
		}
		p := s.live(0)
		time.Sleep(6 * time.Second)
		before := time.Now()
		p.cut()
		s.next()
		if waited := time.Since(before); waited > 350*time.Millisecond {
			t.Errorf("after a steady connection it waited %v", waited)
		}
	})
}

func TestARefusedUpgradeIsTriedAgainIfTheStatusIsTemporary(t *testing.T) {
	for _, code := range []int{408, 425, 429, 500, 502, 503, 599} {
		run(t, func(s *show) {
			time.Sleep(100 * time.Second)
			if dials := s.dialled(); len(dials) != 2 || dials[1] < 90*time.Second {
				t.Errorf("%d: it connected at %v", code, dials)
			}
		}, func(s *show) { s.refuse = status(code, "Retry-After", "90") })
	}
	for _, code := range []int{307, 400, 401, 403, 404, 426} {
		run(t, func(s *show) {
			var closed *Closed
			if err := s.result(); !errors.As(err, &closed) || closed.Retry {
				t.Errorf("%d: Watch ended with %v", code, err)
			}
			s.saw("closed 1006 false")
			if dials := s.dialled(); len(dials) != 1 {
				t.Errorf("%d: it connected at %v", code, dials)
			}
		}, func(s *show) { s.refuse = status(code, "Location", "/elsewhere") })
	}
}

func TestCloseCodesDecideWhetherTheViewerReturns(t *testing.T) {
	temporary := []int{1001, 1011, 1012, 1013, 1014, 3000, 4000, 4408, 4429, 4430, 4440, 4441, 4442, 4443, 4500, 4502, 4503, 4999}
	for _, code := range temporary {
		run(t, func(s *show) {
			s.live(0).close(websocket.StatusCode(code))
			s.next()
			s.saw(live, fmt.Sprintf("closed %d true", code))
		})
	}
	for _, code := range []int{1002, 1003, 1007, 1008, 1009, 1010, 4400, 4401, 4403, 4409, 4410, 4412, 4413, 4414, 4415} {
		run(t, func(s *show) {
			s.live(0).close(websocket.StatusCode(code))
			var closed *Closed
			if err := s.result(); !errors.As(err, &closed) || closed.Code != code {
				t.Errorf("%d: Watch ended with %v", code, err)
			}
			s.saw(live, fmt.Sprintf("closed %d false", code))
			if len(s.peers) > 0 {
				t.Errorf("%d: it returned", code)
			}
		})
	}
	run(t, func(s *show) {
		s.live(0).close(1000)
		if err := s.result(); err != nil {
			t.Errorf("1000: Watch ended with %v", err)
		}
	})
}

func TestOnGoAwayTheOldConnectionServesUntilTheNewOneIsAnswered(t *testing.T) {
	run(t, func(s *show) {
		old := s.live(0)
		old.frames(event(0))
		old.send(&pb.ServerMessage{GoAway: &pb.GoAway{CloseAfterMs: 10_000}})
		p, watch := s.next()
		if watch.Epoch != epoch1 || watch.NextSequence != 1 {
			t.Errorf("it moved with %v", watch)
		}
		old.frames(event(1))
		before := len(old.pings())
		time.Sleep(3 * time.Second)
		if len(old.pings()) == before || len(p.pings()) != 0 {
			t.Errorf("it does not send on the old connection")
		}
		p.send(&pb.ServerMessage{Watching: watching(epoch1, 1)})
		time.Sleep(time.Second)
		if old.closedWith() != websocket.StatusNormalClosure {
			t.Errorf("the old connection was closed with %v", old.closedWith())
		}
		p.frames(event(1), event(2))
		s.saw(live, "frame 0", "frame 1", fmt.Sprintf("watching %x 1", epoch1), "frame 2")
	})
}

func TestOnGoAwayTheNewConnectionDecidesWhateverEndsTheOldOne(t *testing.T) {
	for _, code := range []int{1000, 4409, 4503} {
		run(t, func(s *show) {
			old := s.live(0)
			old.send(&pb.ServerMessage{GoAway: &pb.GoAway{CloseAfterMs: 3_600_000}})
			old.close(websocket.StatusCode(code))
			before := time.Now()
			s.live(0)
			if waited := time.Since(before); waited > 2100*time.Millisecond {
				t.Errorf("%d: it moved after %v", code, waited)
			}
			s.saw(live, fmt.Sprintf("closed %d true", code), live)
		})
	}
}

func TestATokenIsRenewedBeforeItRunsOutByTheServersClock(t *testing.T) {
	asked := 0
	run(t, func(s *show) {
		p, _ := s.next()
		w := watching(epoch1, 0)
		w.ServerUnixUs += 3_600_000_000
		p.send(&pb.ServerMessage{Watching: w})
		for range 580 {
			time.Sleep(time.Second)
			p.send(&pb.ServerMessage{})
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		var tokens []string
		for _, m := range p.received {
			if m.Token != "" {
				tokens = append(tokens, m.Token)
			}
		}
		if fmt.Sprint(tokens) != "[token-3]" { // token-2 failed
			t.Errorf("it renewed with %v", tokens)
		}
	}, func(s *show) {
		s.options.Token = func(context.Context) (Token, error) {
			asked++
			if asked == 2 {
				return Token{}, errors.New("the issuer is away")
			}
			return Token{fmt.Sprint("token-", asked), time.Now().Add(time.Hour + 10*time.Minute)}, nil
		}
	})
}

func TestEachConnectionAsksForAToken(t *testing.T) {
	asked := 0
	run(t, func(s *show) {
		s.live(0).close(4442)
		if _, watch := s.next(); watch.Token != "token-3" {
			t.Errorf("it returned with %v", watch)
		}
		s.saw(live, "closed 4442 true", "closed 1006 true")
	}, func(s *show) {
		s.options.Token = func(context.Context) (Token, error) {
			if asked++; asked == 2 {
				return Token{}, errors.New("the issuer is away")
			}
			return Token{Value: fmt.Sprint("token-", asked)}, nil
		}
	})
}

func TestNoBytesOfAServerEndTheViewer(t *testing.T) {
	list, bytes := vectors(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	run(t, func(s *show) {
		p := s.live(0)
		for _, v := range list {
			p.send(&pb.ServerMessage{Frames: [][]byte{bytes[v.Name]}})
		}
		for sequence := range uint64(2000) {
			payload := make([]byte, random.IntN(40))
			for i := range payload {
				payload[i] = byte(random.Uint32())
			}
			f := frame(sequence, pb.Kind(random.IntN(140)), payload)
			f.Flags, f.Participant, f.KeySequence = random.Uint32()&1, random.Uint32N(70), sequence-1
			p.frames(f)
		}
		p.frames(&pb.Frame{Stream: "studio-7", Epoch: epoch1, Sequence: 1 << 63, Kind: 4}, event(5000))
		s.mu.Lock()
		last := text(s.events[len(s.events)-1])
		s.mu.Unlock()
		if last != "frame 5000" || s.viewer.Stats["unreadable"] < 100 || s.viewer.Stats["connections"] != 1 {
			t.Errorf("in the end came %s; counted %v", last, s.viewer.Stats)
		}
	})
}

func TestAMessageThatIsNoServerMessageCostsTheConnectionAlone(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		p.conn.Write(context.Background(), websocket.MessageText, []byte("hello"))
		p = s.live(0)
		p.conn.Write(context.Background(), websocket.MessageBinary, []byte{0xff})
		s.live(0)
		s.saw(live, "closed 1006 true", live, "closed 1006 true", live)
	})
}

func TestAWholeGroupOfLargeFramesFitsAMessage(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		p.frames(frame(0, 64, make([]byte, 60_000)), frame(1, 64, make([]byte, 60_000)))
		s.saw(live, "frame 0", "frame 1")
	})
}

func TestAViewerThatIsStoppedClosesWith1000AndReturnsWhereItWas(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		p.frames(event(0))
		before := time.Now()
		s.stop()
		if err := s.result(); !isCanceled(err) {
			t.Errorf("Watch ended with %v", err)
		}
		if p.closedWith() != websocket.StatusNormalClosure || time.Since(before) > 2*time.Second {
			t.Errorf("closed with %v after %v", p.closedWith(), time.Since(before))
		}
		s.watch()
		if _, watch := s.next(); watch.NextSequence != 1 || watch.Epoch != epoch1 {
			t.Errorf("it came back with %v", watch)
		}
	})
}

func TestAServerThatDoesNotAnswerTheCloseIsLeftWithinTwoSeconds(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		s.isMute.Store(true)
		before := time.Now()
		s.stop()
		s.result()
		if waited := time.Since(before); waited > 2*time.Second || p.closedWith() != websocket.StatusNormalClosure {
			t.Errorf("it took %v, closed with %v", waited, p.closedWith())
		}
	})
}

func TestAServerWithoutTheSubprotocolEndsTheViewer(t *testing.T) {
	run(t, func(s *show) {
		if err := s.result(); err == nil {
			t.Error("it takes a server for Hayate that does not say so")
		}
	}, func(s *show) { s.speaks = nil })
}

func TestOptionsThatWouldLeakATokenAreRefused(t *testing.T) {
	for _, server := range []string{"", "host", "ws://example.com", "http://example.com", "wss://host/?token=a", "wss://me:secret@host", "ftp://host"} {
		if _, err := NewViewer(Options{Server: server, Stream: "a", Token: StaticToken("")}); err == nil {
			t.Errorf("%q was accepted", server)
		}
	}
	for _, server := range []string{"wss://example.com", "wss://example.com/live/", "ws://localhost:8080", "ws://127.0.0.1:1", "ws://[::1]:1"} {
		if _, err := NewViewer(Options{Server: server, Stream: "a", Token: StaticToken("")}); err != nil {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestSequencesAreTheSetThatTheyStandFor(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	for range 2000 {
		var set sequences
		model := map[uint64]bool{}
		for range 60 {
			n := random.Uint64N(60)
			if set.add(n) == model[n] {
				t.Fatalf("%v judges %d wrongly", set, n)
			}
			model[n] = true
			for i := range len(set) - 1 {
				if set[i].last+1 >= set[i+1].first {
					t.Fatalf("%v is not in order", set)
				}
			}
		}
	}
	var many sequences
	for n := range uint64(2*spansMax + 100) {
		many.add(2 * n)
	}
	if len(many) != spansMax || many.add(1) || !many.add(4*spansMax+197) {
		t.Errorf("%d spans are kept", len(many))
	}
}

func TestAnEventOfALaterVersionIsGivenWithoutABody(t *testing.T) {
	run(t, func(s *show) {
		p := s.live(0)
		p.frames(frame(0, pb.Kind_KIND_EVENT, []byte{0x7a, 1, 0}), frame(1, 6, nil), event(2))
		s.saw(live, "frame 0", "frame 2")
		if s.viewer.Stats["unknown"] != 1 {
			t.Errorf("counted %v", s.viewer.Stats)
		}
	})
}
