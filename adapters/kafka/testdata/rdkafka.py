"""A member of a group that is no hub: librdkafka.

rdkafka.py ADDRESS TOPIC GROUP STRATEGY    prints the value of each record as a line, and commits what it has printed, until it is told to end
"""
import signal
import sys

from confluent_kafka import Consumer, KafkaException

address, topic, group, strategy = sys.argv[1:]
going = True


def end(*_):
    global going
    going = False


signal.signal(signal.SIGTERM, end)
c = Consumer({
    "bootstrap.servers": address, "group.id": group, "partition.assignment.strategy": strategy, "auto.offset.reset": "earliest",
    "enable.auto.commit": False, "session.timeout.ms": 6000, "heartbeat.interval.ms": 300,
})
c.subscribe([topic])
while going:
    record = c.poll(0.2)
    if record is None:
        continue
    if record.error():
        raise KafkaException(record.error())
    print(record.value().decode(), flush=True)
    c.commit(record, asynchronous=True)
c.close()
