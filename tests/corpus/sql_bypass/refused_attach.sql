attach
/* c */ ':memory:' as y