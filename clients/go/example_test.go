package hayate_test

import (
	"context"
	"fmt"
	"log"
	"os"

	hayate "github.com/hayate-live/hayate-go"
	"github.com/hayate-live/hayate-go/hayatev1"
)

func ExampleViewer_Watch() {
	viewer, err := hayate.NewViewer(hayate.Options{
		Server: "wss://live.example.com",
		Stream: "studio-7",
		Token:  hayate.StaticToken(os.Getenv("TOKEN")),
	})
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range viewer.Watch(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		if frame, ok := event.(*hayate.Frame); ok {
			switch content := frame.Content.(type) {
			case *hayate.Pose:
				fmt.Println("the head turns to", content.Rotation(5))
			case *hayatev1.Audio:
				fmt.Println(len(content.Packets), "Opus packets at", frame.Position)
			}
		}
	}
}

func ExampleDecodePose() {
	payload, err := os.ReadFile("../../spec/vectors/motion-key.bin")
	if err != nil {
		log.Fatal(err)
	}
	key, err := hayate.DecodePose(payload, nil)
	if err != nil {
		log.Fatal(err)
	}
	payload, err = os.ReadFile("../../spec/vectors/motion-delta.bin")
	if err != nil {
		log.Fatal(err)
	}
	pose, err := hayate.DecodePose(payload, key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("hips:", pose.Hips())
	fmt.Printf("jaw: %.3f, then %.3f\n", key.Weight(17), pose.Weight(17))
	// Output:
	// hips: [0.0125 -0.25 1.5]
	// jaw: 0.502, then 0.749
}
