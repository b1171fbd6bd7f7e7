package hayate

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	pb "github.com/hayate-live/hayate-go/hayatev1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const vectorsFolder = "../../spec/vectors"

type vector struct {
	Name, File, Message, Failure string
	Value                        json.RawMessage
	Payload                      *struct {
		Message string
		Value   json.RawMessage
	}
	Motion *struct {
		Key       string
		Quantised struct {
			Hips      [3]int32
			Rotations []string
			Shapes    [Shapes]byte
		}
		Pose struct {
			Hips      [3]float64
			Rotations [][4]float64
			Shapes    []float64
		}
	}
}

func vectors(t *testing.T) (list []vector, bytes map[string][]byte) {
	t.Helper()
	var index struct{ Vectors []vector }
	text, err := os.ReadFile(filepath.Join(vectorsFolder, "index.json"))
	if err == nil {
		err = json.Unmarshal(text, &index)
	}
	bytes = map[string][]byte{}
	for _, v := range index.Vectors {
		if err == nil {
			bytes[v.Name], err = os.ReadFile(filepath.Join(vectorsFolder, v.File))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return index.Vectors, bytes
}

var messages = map[string]func() proto.Message{
	"Frame":         func() proto.Message { return new(pb.Frame) },
	"ClientMessage": func() proto.Message { return new(pb.ClientMessage) },
	"ServerMessage": func() proto.Message { return new(pb.ServerMessage) },
	"StreamHeader":  func() proto.Message { return new(pb.StreamHeader) },
	"Audio":         func() proto.Message { return new(pb.Audio) },
	"Motion":        func() proto.Message { return new(pb.Motion) },
	"Event":         func() proto.Message { return new(pb.Event) },
}

// betweenServers holds the messages that no client reads.
var betweenServers = map[string]bool{"Envelope": true, "RepairRequest": true, "Control": true, "Announcement": true, "Record": true}

func TestVectorsMeanWhatTheIndexSays(t *testing.T) {
	list, bytes := vectors(t)
	checked := 0
	for _, v := range list {
		if v.Failure != "" || betweenServers[v.Message] {
			continue
		}
		message := decoded(t, v.Name, v.Message, bytes[v.Name], v.Value)
		if v.Payload != nil {
			decoded(t, v.Name+"'s payload", v.Payload.Message, message.(*pb.Frame).Payload, v.Payload.Value)
		}
		checked++
	}
	if checked < 45 {
		t.Errorf("only %d vectors were checked", checked)
	}
}

func decoded(t *testing.T, name, kind string, bytes []byte, want json.RawMessage) proto.Message {
	t.Helper()
	message := messages[kind]()
	if err := proto.Unmarshal(bytes, message); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%s: is %s, not %s", name, got, want)
	}
	return message
}

func TestMotionVectorsGiveTheirPoses(t *testing.T) {
	list, bytes := vectors(t)
	checked := 0
	for _, v := range list {
		if v.Motion == nil {
			continue
		}
		var key *Pose
		if v.Motion.Key != "" {
			key = mustPose(t, bytes[v.Motion.Key], nil)
		}
		pose := mustPose(t, bytes[v.Name], key)
		quantised := v.Motion.Quantised
		if pose.hips != quantised.Hips || hex.EncodeToString(pose.rotations[:]) != strings.Join(quantised.Rotations, "") ||
			pose.shapes != quantised.Shapes {
			t.Errorf("%s: is %v", v.Name, pose)
		}
		want := v.Motion.Pose
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > 1e-6 {
				t.Errorf("%s: %s is %v, not %v", v.Name, what, got, want)
			}
		}
		for i, hips := range pose.Hips() {
			near("hips", hips, want.Hips[i])
		}
		for bone := range Bones {
			for i, component := range pose.Rotation(bone) {
				near("a rotation", component, want.Rotations[bone][i])
			}
		}
		for shape := range Shapes {
			near("a weight", pose.Weight(shape), want.Shapes[shape])
		}
		checked++
	}
	if checked < 6 {
		t.Errorf("only %d motion vectors", checked)
	}
}

func mustPose(t *testing.T, payload []byte, key *Pose) *Pose {
	t.Helper()
	pose, err := DecodePose(payload, key)
	if err != nil {
		t.Fatal(err)
	}
	return pose
}

func TestBadMotionVectorsAreRefused(t *testing.T) {
	list, bytes := vectors(t)
	refused := 0
	for _, v := range list {
		if v.Message != "Motion" || v.Failure == "" {
			continue
		}
		if _, err := DecodePose(bytes[v.Name], nil); err == nil {
			t.Errorf("%s was taken for a pose", v.Name)
		}
		refused++
	}
	if refused < 4 {
		t.Errorf("only %d bad motion vectors", refused)
	}
}

func TestARotationThatNoWriterMakesIsStillAUnitQuaternion(t *testing.T) {
	for largest := range 4 {
		pose := new(Pose)
		for i := range 6 {
			pose.rotations[i] = 0xff
		}
		pose.rotations[0] = 0xfc | byte(largest)
		sum := 0.0
		for _, component := range pose.Rotation(0) {
			sum += component * component
		}
		if math.Abs(sum-1) > 1e-9 || pose.Rotation(0)[largest] != 0 {
			t.Errorf("largest %d: %v", largest, pose.Rotation(0))
		}
	}
}

func TestAStepBeyondTheScaleCountsAsItsEnd(t *testing.T) {
	pose := new(Pose)
	bits := uint64(3) | 32767<<2 | 16383<<17 | 16383<<32
	for i := range 6 {
		pose.rotations[i] = byte(bits >> (8 * i))
	}
	if got := pose.Rotation(0)[0]; math.Abs(got-math.Sqrt(0.5)) > 1e-12 {
		t.Errorf("the component is %v", got)
	}
}
