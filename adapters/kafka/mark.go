package kafka

import (
	"context"
	"strings"

	kafka "github.com/segmentio/kafka-go"
)

// mark is a committed position of a group, and the ID of the topic that it is of.
type mark struct {
	offset int64  // -1: none
	topic  string // "": not told, as by members that are no hubs
}

// prefixTopicID begins the metadata of our positions; others may write anything.
const prefixTopicID = "topic-id "

func (l *link) committed(ctx context.Context, group string, partitions []int) (map[int]mark, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	r, err := l.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{l.topic: partitions}})
	if err != nil {
		return nil, err
	}
	if r.Error != nil {
		return nil, r.Error
	}
	out := map[int]mark{}
	for _, p := range r.Topics[l.topic] {
		if p.Error != nil {
			return nil, p.Error
		}
		m := mark{offset: p.CommittedOffset}
		if id, ours := strings.CutPrefix(p.Metadata, prefixTopicID); ours {
			m.topic = id
		}
		out[p.Partition] = m
	}
	return out, nil
}

// commit writes positions as a member of a generation: the broker refuses those of a stale one.
func (l *link) commit(ctx context.Context, group string, s *share, topicID string, positions map[int]int64) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	metadata := ""
	if topicID != "" {
		metadata = prefixTopicID + topicID
	}
	var commits []kafka.OffsetCommit
	for p, offset := range positions {
		commits = append(commits, kafka.OffsetCommit{Partition: p, Offset: offset, Metadata: metadata})
	}
	r, err := l.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: group, GenerationID: int(s.generation), MemberID: s.member,
		Topics: map[string][]kafka.OffsetCommit{l.topic: commits},
	})
	if err != nil {
		return err
	}
	for _, p := range r.Topics[l.topic] {
		if p.Error != nil {
			return p.Error
		}
	}
	return nil
}
