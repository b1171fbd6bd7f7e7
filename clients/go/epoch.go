package hayate

import (
	"cmp"
	"slices"

	pb "github.com/hayate-live/hayate-go/hayatev1"
	"google.golang.org/protobuf/proto"
)

// spansMax bounds the memory of a set: beyond it the oldest hole counts as filled.
const spansMax = 4096

// sequences is a set of sequences: spans in ascending order with holes between them. Both ends of
// a span are inclusive.
type sequences []span

type span struct{ first, last uint64 }

// add says whether n is new to the set.
func (s *sequences) add(n uint64) bool {
	ends := func(have span, n uint64) int { return cmp.Compare(have.last+1, n) }
	from, _ := slices.BinarySearchFunc(*s, n, ends)
	to, joined := from, span{n, n}
	for ; to < len(*s) && (*s)[to].first <= n+1; to++ {
		have := (*s)[to]
		if have.first <= n && n <= have.last {
			return false
		}
		joined = span{min(joined.first, have.first), max(joined.last, have.last)}
	}
	if *s = slices.Replace(*s, from, to, joined); len(*s) > spansMax {
		(*s)[1].first = (*s)[0].first
		*s = (*s)[1:]
	}
	return true
}

// epoch is what a viewer knows of the epoch that it watches (behaviour.md, "Watching").
type epoch struct {
	number uint64
	had    sequences // every frame that came
	next   uint64    // the sequence after the largest of these; that of Watching before any came
	header *Frame
	keys   map[[2]uint32][]*Frame // by kind and participant: the two newest, the newest first
}

// read decodes the payload, and keeps the newest HEADER and keys. It says why the application does
// not get the frame, or "".
func (e *epoch) read(f *Frame) (why string) {
	switch kind := f.Kind; {
	case kind == pb.Kind_KIND_HEADER:
		f.Content = new(pb.StreamHeader)
	case kind == pb.Kind_KIND_AUDIO:
		f.Content = new(pb.Audio)
	case kind == pb.Kind_KIND_EVENT:
		f.Content = new(pb.Event)
	case kind == pb.Kind_KIND_MOTION || kind == pb.Kind_KIND_GAME:
		return e.readTrack(f)
	case kind < 64 || kind > 127: // of a later version
		return "unknown"
	}
	if message, ok := f.Content.(proto.Message); ok && proto.Unmarshal(f.Payload, message) != nil {
		return "unreadable"
	}
	if f.Kind == pb.Kind_KIND_HEADER {
		if e.header != nil && e.header.Sequence > f.Sequence {
			return "stale"
		}
		e.header = f
	}
	return ""
}

// readTrack reads a key or delta of MOTION or GAME (wire.md, "Keys and deltas"; rules V6, V11).
func (e *epoch) readTrack(f *Frame) (why string) {
	track, isKey, pose := [2]uint32{uint32(f.Kind), f.Participant}, f.Flags&1 == 1, (*Pose)(nil)
	keys := e.keys[track]
	if !isKey {
		i := slices.IndexFunc(keys, func(key *Frame) bool { return key.Sequence == f.KeySequence })
		if i < 0 {
			return "without key"
		}
		f.Key = keys[i]
		pose, _ = f.Key.Content.(*Pose)
	}
	if f.Kind == pb.Kind_KIND_MOTION {
		pose, err := DecodePose(f.Payload, pose)
		if err != nil {
			return "unreadable"
		}
		f.Content = pose
	}
	if isKey {
		keys = append(keys, f)
		slices.SortFunc(keys, func(a, b *Frame) int { return cmp.Compare(b.Sequence, a.Sequence) })
		e.keys[track] = keys[:min(len(keys), 2)]
	}
	return ""
}
