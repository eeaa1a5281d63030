"""What an export tells: the table and the last lines on the screen, report.html and report.json.

facts       all that is known of a bundle, as plain values; rows, page, pictures and write show it
ending      what a command ends with
"""
