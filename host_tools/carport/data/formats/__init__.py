"""The samples as files that other programs read, each with a file that describes its columns.

table       the columns of all formats, and the rows in them
metadata    what describes the columns, as W3C's CSV on the Web does (JSON)
text        CSV and JSON
senml       SenML (RFC 8428)
parquet     Apache Parquet, by pyarrow
write       one of them into a file
"""
