"""The interface that services of the field speak: REMS-shaped, at `/api`.

Promises: the calls of the existing services work unchanged; nothing can be done here that the table of applications
does not permit; whoever acts for somebody else is written down beside them.
Source: REMS 2.39 (docs, OpenAPI), as far as the GDI services use it. An application may span deciding bodies.
Needs: applications, forms, texts, a number for each thing (clients count), keys of programs, perhaps a signer of visas.
"""
