"""What `cxone-stream` is tried and tested against on one machine: a stand-in of CXone, a real Kafka, a demo."""
