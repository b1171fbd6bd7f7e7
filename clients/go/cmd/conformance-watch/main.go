// Conformance-watch is the viewer that `hayate conformance watch` tests. It watches HAYATE_STREAM on
// HAYATE_SERVER with HAYATE_TOKEN and prints a JSON object a line for all that an application would get.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	hayate "github.com/hayate-live/hayate-go"
	pb "github.com/hayate-live/hayate-go/hayatev1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	viewer, err := hayate.NewViewer(hayate.Options{
		Server: os.Getenv("HAYATE_SERVER"),
		Stream: os.Getenv("HAYATE_STREAM"),
		Token:  hayate.StaticToken(os.Getenv("HAYATE_TOKEN")),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err == nil {
		for event, end := range viewer.Watch(ctx) {
			print(event)
			err = end
		}
		slog.Info("counted", "stats", viewer.Stats)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func print(event hayate.Event) {
	switch e := event.(type) {
	case *pb.Watching:
		epoch := "null"
		if e.Epoch != 0 {
			epoch = fmt.Sprintf(`"%016x"`, e.Epoch)
		}
		fmt.Printf(`{"event":"watching","epoch":%s,"nextSequence":%d}`+"\n", epoch, e.NextSequence)
	case *hayate.Frame:
		format := `{"event":"frame","epoch":"%016x","sequence":%d,"kind":%d,"participant":%d}` + "\n"
		fmt.Printf(format, e.Epoch, e.Sequence, int(e.Kind), e.Participant)
	case *pb.Gap:
		fmt.Printf(`{"event":"gap","first":%d,"last":%d,"reason":"%s"}`+"\n", e.First, e.Last, e.Reason.String()[len("GAP_REASON_"):])
	case *pb.Ended:
		fmt.Printf(`{"event":"ended","reason":"%s"}`+"\n", e.Reason.String()[len("END_REASON_"):])
	case *hayate.Closed:
		fmt.Printf(`{"event":"closed","code":%d,"retry":%t}`+"\n", e.Code, e.Retry)
	}
}
