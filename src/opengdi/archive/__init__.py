"""Archive: what providers send encrypted is taken in once, kept unchanged, and never lies anywhere in the clear.

Promises: an upload that was acknowledged is lost by no crash and recorded once; a file's state says what is known of
it, and only the transitions of `rules.PERMITTED` happen; what the provider declared is held against what arrived;
what is archived is never overwritten; a wish to tell somebody is in the same transaction as what there is to tell.
Standards: GA4GH Crypt4GH v1.
Needs: a state database, a storage, durable jobs, a clock, an audit chain.

model (files, states, digests) · rules (which state may follow, do digests agree) · ports (what an upload hands over)
· tables, holdings, registry, listing, custody, mapping (what the database knows) · places, keyring, checks, facts (what
lies in the storage) · uploads, intake, taking, workflows, dispatching (from a sender to ready) · scrub, rotation,
recovery, reindexing, decommission (care) · companions, judging (providers' own indexes) · service, api (the provider's
view).
"""
