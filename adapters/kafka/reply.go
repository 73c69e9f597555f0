package kafka

// answer is the record of the reply to j.
func (r *run) answer(j *job) *parcel {
	m := unaddressed(j.answer)
	if m.Correlation == "" {
		m = m.WithCorrelation(j.msg.Correlation)
	}
	p := newParcel(m, onChannel)
	p.partition = j.reply.partition
	if j.reply.request != "" {
		p.add(headerRequest, j.reply.request)
	}
	if j.reply.foreign != "" {
		p.add(headerCorrelationID, j.reply.foreign)
	}
	p.measure()
	return p
}
