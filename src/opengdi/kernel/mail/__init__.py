"""Letters to people by e-mail: what one is, and who takes it away, an SMTP server or a folder."""

from opengdi.kernel.mail.folder import FolderPost
from opengdi.kernel.mail.letters import Deferred, Letter, Post, checked_address
from opengdi.kernel.mail.smtp import Security, SmtpPost, SmtpServer

__all__ = (
    "Deferred",
    "FolderPost",
    "Letter",
    "Post",
    "Security",
    "SmtpPost",
    "SmtpServer",
    "checked_address",
)
