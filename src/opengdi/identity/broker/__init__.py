"""The broker: OpenID provider for our own clients, and GA4GH passport broker, at the hub.

Promises: a person's visas go to a client only with their consent, to a registered address only, for the audience that
was asked for; a code and a refresh token are good for one use, and what they gave ends when they are used again.
Needs: the session of the person (`Sessions`), what may be said of them (`VisaSource`s).

Spec: OpenID Connect Core 1.0 and Discovery 1.0; GA4GH AAI OIDC profile 1.2.1; RFC 6749, 7009, 7523, 7636, 8252,
8693, 8707, 9068, 9207.
"""
