"""How things are measured: a process for each system, in interleaved rounds, beside the machine's roofline.

rounds              which systems run, and in what order
process, worker     a system's process, from outside and from inside; jobs are what it can be asked
intervals           what may be said of a ratio
roofline, roofline_probe, machine    what the machine can do, and what it is
bare_start          the least start that a library allows
"""
