"""Organisations whose people may ask for data, those people, providers of data, and the papers they sign.

Promises: nobody is said to be in good standing unless the organisation was vetted and signed what is in force, and its
signing official named the person, who was vetted, trained and accepted the terms. A suspension reaches every node.
Standard: GDI reference architecture P01 and P04, SA rules E-20 to E-22; the visas made of this are GA4GH Passport 1.2.
Needs: the ledger and texts of access, the feed to nodes, a key that signs evidence; perhaps an e-signature service.
"""
