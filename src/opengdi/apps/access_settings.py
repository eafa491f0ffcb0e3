"""Settings of access requests: bodies that decide, working days, silence, permits. Each part has a section here."""

from __future__ import annotations

from pydantic import Field, model_validator

from opengdi.apps.setting_types import SecretText, Section, WebAddress


class SignatureServiceSettings(Section):
    """An external service that collects signatures; without `url` there is none, and people sign by a click."""

    url: WebAddress = Field("", description="Address of the service, such as 'https://sign.example.org/v1'.")
    token: SecretText = Field(SecretText(""), description="Bearer token by which this hub asks it.")
    secret: SecretText = Field(
        SecretText(""), description="Secret shared with it, by which its calls are known (HMAC-SHA256)."
    )
    timeout_s: float = Field(10.0, gt=0, description="Seconds to wait for its answer.")

    @model_validator(mode="after")
    def _secrets_are_there(self) -> SignatureServiceSettings:
        if self.url and (len(self.secret.get_secret_value()) < 16 or not self.token.get_secret_value()):
            raise ValueError("a signature service needs a token, and a secret of at least 16 characters")
        return self


class OnboardingSettings(Section):
    """How user organisations and their people are brought on."""

    signatures: SignatureServiceSettings = SignatureServiceSettings()
    renew_s: float = Field(
        300.0, gt=0, description="Seconds between two looks for standings that time has changed."
    )


class AccessRequestSettings(Section):
    """How this node or hub takes and decides requests for access."""

    onboarding: OnboardingSettings = OnboardingSettings()
