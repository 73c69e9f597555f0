"""A client of Kafka that is no hub: kafka-python, with Spring's convention for requests and replies.

client.py ADDRESS produce TOPIC N          sends N records, confirmed by all replicas
client.py ADDRESS consume TOPIC GROUP N    takes N records as a member of a group, prints each as a line of JSON
client.py ADDRESS member TOPIC GROUP STRATEGY  prints the value of each record as a line, as a member of a group, until it is told to end
client.py ADDRESS answer TOPIC N           answers N requests, with their value in capitals
client.py ADDRESS ask TOPIC REPLIES VALUE  sends a request, prints its reply as a line of JSON
"""
import json
import signal
import sys
import uuid

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

address = sys.argv[1]
patience = 60_000  # milliseconds


def text(b):
    return None if b is None else b.decode(errors="backslashreplace")


def told(record):
    print(json.dumps({
        "topic": record.topic, "partition": record.partition, "key": text(record.key), "value": text(record.value), "time": record.timestamp,
        "headers": {name: text(value) for name, value in record.headers},
    }), flush=True)


def producer():
    return KafkaProducer(bootstrap_servers=address, acks="all")


def produce(topic, n):
    p = producer()
    sent = [p.send(topic, key=b"k-%d" % (i % 7), value=json.dumps({"n": i}).encode(), timestamp_ms=1_700_000_000_000 + i,
                   headers=[("Sku", b"s-%d" % i), ("raw", b"\xff\x00")]) for i in range(int(n))]
    for s in sent:
        s.get(timeout=patience / 1000)
    p.close()


def joined(topic, group, **config):
    """A member of a group. It knows the topic before it joins: kafka-python 3.0.12 hangs now and then, alone in its group, when it joins
    without, and again as soon as it knows."""
    c = KafkaConsumer(topic, bootstrap_servers=address, group_id=group, auto_offset_reset="earliest", **config)
    c.partitions_for_topic(topic)
    return c


def consume(topic, group, n):
    c = joined(topic, group, consumer_timeout_ms=patience)
    for i, record in enumerate(c):
        told(record)
        if i + 1 == int(n):
            break
    c.close()


def member(topic, group, strategy):
    assignor = {a.name: a for a in (RangePartitionAssignor, RoundRobinPartitionAssignor, StickyPartitionAssignor, CooperativeStickyAssignor)}[strategy]
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    c = joined(topic, group, partition_assignment_strategy=(assignor,), session_timeout_ms=6000, heartbeat_interval_ms=300)
    while going:
        for records in c.poll(timeout_ms=200).values():
            for record in records:
                print(record.value.decode(), flush=True)
    c.close()


def answer(topic, n):
    c = joined(topic, "answers." + topic, consumer_timeout_ms=patience)
    p = producer()
    for i, record in enumerate(c):
        headers = dict(record.headers)
        p.send(headers["kafka_replyTopic"].decode(), value=record.value.upper(), headers=[
            ("kafka_correlationId", headers["kafka_correlationId"]), ("status", b"201")]).get(timeout=patience / 1000)
        if i + 1 == int(n):
            break
    p.close()
    c.close()


def ask(topic, replies, value):
    c = KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=patience)
    where = [TopicPartition(replies, p) for p in c.partitions_for_topic(replies)]
    c.assign(where)
    c.seek_to_end()
    for tp in where:
        c.position(tp)
    correlation = uuid.uuid4().bytes
    p = producer()
    p.send(topic, value=value.encode(), headers=[("kafka_replyTopic", replies.encode()), ("kafka_correlationId", correlation)]).get(timeout=patience / 1000)
    for record in c:
        if dict(record.headers).get("kafka_correlationId") == correlation:
            told(record)
            break
    p.close()
    c.close()


{"produce": produce, "consume": consume, "member": member, "answer": answer, "ask": ask}[sys.argv[2]](*sys.argv[3:])
