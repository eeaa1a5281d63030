"""A result -> what people read: tables, pictures, a page, README and docs. Nothing is measured here.

write           all reports of a result; html_page, tables, pictures, figures and machine_lines are their parts
verdict, goals  what the figures say in words, and whether goals are reached
readme, marks, short_table    texts between the marks of README and docs
compare         two results
"""
