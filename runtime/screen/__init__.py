"""What the long commands show: stages with their times, tables, a bar. On a terminal (terminal) or as plain lines
(plain); `display` is what commands draw on, `opening` chooses.
"""
