package hayate

import (
	"cmp"
	"slices"

	pb "github.com/hayate-live/hayate-go/hayatev1"
	"google.golang.org/protobuf/proto"
)

// rangesMax bounds the memory of a set: beyond it the oldest hole counts as filled.
const rangesMax = 4096

// span is a range of sequences, both ends inclusive.
type span struct{ first, last uint64 }

// ranges is a set of sequences: spans in ascending order that neither overlap nor touch.
type ranges []span

func (r *ranges) add(s span) {
	touches := func(have span) bool { return have.first <= s.last+1 && s.first <= have.last+1 }
	from := slices.IndexFunc(*r, func(have span) bool { return have.last+1 >= s.first })
	if from < 0 {
		from = len(*r)
	}
	to := from
	for ; to < len(*r) && touches((*r)[to]); to++ {
		s = span{min(s.first, (*r)[to].first), max(s.last, (*r)[to].last)}
	}
	if *r = slices.Replace(*r, from, to, s); len(*r) > rangesMax {
		(*r)[1].first = (*r)[0].first
		*r = (*r)[1:]
	}
}

// holes gives the parts of s that are not in the set.
func (r ranges) holes(s span) (holes []span) {
	for _, have := range r {
		if s.first > s.last || have.first > s.last {
			break
		}
		if have.first > s.first {
			holes = append(holes, span{s.first, have.first - 1})
		}
		s.first = max(s.first, have.last+1)
	}
	if s.first <= s.last {
		holes = append(holes, s)
	}
	return holes
}

// epoch is what a viewer knows of the epoch that it watches (behaviour.md, "Watching").
type epoch struct {
	number    uint64
	had, gone ranges // what came, and what was given as missing
	next      uint64 // the sequence after the largest that came; before any came, that of Watching
	header    *Frame
	keys      map[[2]uint32][]*Frame // by kind and participant: the two newest, the newest first
}

// arrived notes a frame; false for a duplicate (rule V3).
func (e *epoch) arrived(sequence uint64) bool {
	if len(e.had.holes(span{sequence, sequence})) == 0 {
		return false
	}
	if len(e.had) == 0 || sequence >= e.next {
		e.next = sequence + 1
	}
	e.had.add(span{sequence, sequence})
	return true
}

// missing notes a gap and gives what of it neither came nor was given before.
func (e *epoch) missing(gap span) (spans []span) {
	for _, hole := range e.had.holes(gap) {
		for _, span := range e.gone.holes(hole) {
			spans = append(spans, span)
			e.gone.add(span)
		}
	}
	return spans
}

// read decodes the payload and keeps the newest HEADER and keys. It says why a frame is of no use, or "".
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
	case kind < 64 || kind > 127:
		return "unknown"
	}
	if message, ok := f.Content.(proto.Message); ok && proto.Unmarshal(f.Payload, message) != nil {
		return "unreadable"
	}
	if event, ok := f.Content.(*pb.Event); ok && event.Body == nil {
		return "unknown"
	}
	if f.Stale = f.Kind == pb.Kind_KIND_HEADER && e.header != nil && e.header.Sequence > f.Sequence; f.Kind == pb.Kind_KIND_HEADER && !f.Stale {
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
