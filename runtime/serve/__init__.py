"""The HTTP server: a certified bundle behind the protocols that NER clients speak already.

batching     one queue for all requests, counted in tokens, and the threads that answer from it
protocols    what clients say and expect, one protocol a file
http         bodies, replies, errors, keys: what is alike in all protocols
observe      metrics, logs, health, shadow, traces
page         the page for a browser
service      what a protocol is given to answer with
server       the process: socket, signals, drain
"""
