"""Who is told of what by e-mail: notices follow from the events of access, one for each person and event.

api          what somebody was told, and what they do not want to be told
service      notices derived from the ledger, and sent: at least once, in the order of events
store        the table of notices, how far the ledger was read, and what people do not want
wording      texts in one language, as data
facts        what a text may say of an event: ids, days, states; no names, no free text
rules        the table: which event is told to whom
ports        addresses, and who holds which office
model        the words of all this
"""
