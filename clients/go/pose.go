package hayate

import (
	"bytes"
	"errors"
	"math"

	"github.com/hayate-live/hayate-go/hayatev1"
	"google.golang.org/protobuf/proto"
)

// Bones and Shapes are the sizes of the tables in wire.md, "Bones" and "Shapes".
const Bones, Shapes = 55, 52

// Pose is a whole pose, quantised as in wire.md, "MOTION". It is never changed once made.
type Pose struct {
	hips      [3]int32
	rotations [Bones * 6]byte
	shapes    [Shapes]byte
}

// DecodePose reads a Motion payload. With a nil key it is a key, else a delta over that key.
// It refuses bytes that are not Protobuf, and values that do not fit the masks.
func DecodePose(payload []byte, key *Pose) (*Pose, error) {
	motion, pose := new(hayatev1.Motion), new(Pose)
	if err := proto.Unmarshal(payload, motion); err != nil {
		return nil, err
	}
	copy(pose.rotations[:], bytes.Repeat([]byte("\xff\xff\xfe\x7f\xff\x3f"), Bones)) // the identity
	if key != nil {
		*pose = *key
	}
	if !overlay(pose.rotations[:], motion.BoneMask, motion.Rotations, 6) ||
		!overlay(pose.shapes[:], motion.ShapeMask, motion.Shapes, 1) ||
		len(motion.Hips) != 0 && len(motion.Hips) != 3 {
		return nil, errors.New("hayate: the values of a motion payload do not fit its masks")
	}
	copy(pose.hips[:], motion.Hips)
	return pose, nil
}

// overlay puts the values that the mask names, of size bytes each, into the table. It skips values
// beyond the table, and says whether there were as many as the mask names.
func overlay(table, mask, values []byte, size int) bool {
	for i := range len(mask) * 8 {
		if mask[i/8]>>(i%8)&1 == 0 {
			continue
		}
		if len(values) < size {
			return false
		}
		if i < len(table)/size {
			copy(table[i*size:], values[:size])
		}
		values = values[size:]
	}
	return len(values) == 0
}

// Rotation gives the local rotation of a bone as a unit quaternion x, y, z, w.
func (p *Pose) Rotation(bone int) (q [4]float64) {
	var bits uint64
	for i := range 6 {
		bits |= uint64(p.rotations[bone*6+i]) << (8 * i)
	}
	largest, steps, sum := int(bits&3), bits>>2, 0.0
	for i := range q {
		if i != largest {
			q[i] = (math.Min(float64(steps&0x7fff), 32766) - 16383) / 16383 / math.Sqrt2
			sum += q[i] * q[i]
			steps >>= 15
		}
	}
	q[largest] = math.Sqrt(max(0, 1-sum))
	for i := range q {
		q[i] /= math.Sqrt(max(1, sum))
	}
	return q
}

// Weight gives the weight of a shape, 0 to 1.
func (p *Pose) Weight(shape int) float64 { return float64(p.shapes[shape]) / 255 }

// Hips gives the translation of the hips from their rest position: x, y, z in metres.
func (p *Pose) Hips() (metres [3]float64) {
	for i, tenths := range p.hips {
		metres[i] = float64(tenths) / 10000
	}
	return metres
}
