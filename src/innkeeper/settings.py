"""Reads the settings of an installation from the environment or `.env`, and says plainly what is wrong with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from innkeeper.domain.business_day import check_zone
from innkeeper.domain.errors import Invalid
from innkeeper.domain.money import check_currency
from innkeeper.storage.database import async_url, sqlite_url
from innkeeper.storage.secrets import Keyring, key_file, read_keys


class WrongSettings(Exception):
    """A setting cannot be used; the text is one line for a person."""


class Settings(BaseSettings):
    """What belongs to the installation. What belongs to a property lives in the data base."""

    model_config = SettingsConfigDict(env_prefix="INNKEEPER_", env_file=".env", extra="ignore")

    data_dir: Path = Path("data")
    database_url: str | None = None
    rabbitmq_url: str | None = None
    #: Comma-separated, newest first.
    secret_keys: str | None = None
    public_url: str | None = None
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: Comma- or blank-separated Apprise addresses.
    alert_urls: str = ""
    #: The mail server that receipts go out by, and who sends them; see `MailServer`.
    smtp_url: str | None = None
    #: What the property that is made at the first start is called.
    property_name: str = "My hotel"
    property_timezone: str = "UTC"
    property_currency: str = Field("EUR", min_length=3, max_length=3)

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value:
            async_url(value)
        return value or None

    @field_validator("rabbitmq_url")
    @classmethod
    def _known_broker(cls, value: str | None) -> str | None:
        if value and not value.startswith(("amqp://", "amqps://")):
            raise ValueError("must begin with amqp:// or amqps://")
        return value or None

    @field_validator("property_timezone", "property_currency")
    @classmethod
    def _known_place(cls, value: str, info: ValidationInfo) -> str:
        try:
            return check_zone(value) if info.field_name == "property_timezone" else check_currency(value)
        except Invalid as error:
            raise ValueError(error.detail) from None

    @field_validator("public_url")
    @classmethod
    def _known_address(cls, value: str | None) -> str | None:
        if value:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
                raise ValueError("must be the address that browsers use, such as https://innkeeper.example.com")
        return value or None

    @property
    def database(self) -> str:
        """The address of the data base; SQLite in the data folder when none is set."""
        return self.database_url or sqlite_url(self.data_dir)

    @property
    def alerts(self) -> Sequence[str]:
        """The addresses that alerts go to."""
        return self.alert_urls.replace(",", " ").split()

    def keyring(self) -> Keyring:
        """Return the keys; those of the file are read again when none fits. Raises WrongSettings for no key."""
        try:
            if self.secret_keys:
                return Keyring([key.strip() for key in self.secret_keys.split(",") if key.strip()])
            return Keyring(key_file(self.data_dir), lambda: read_keys(self.data_dir))
        except ValueError:
            raise WrongSettings(
                "INNKEEPER_SECRET_KEYS: a key is 32 bytes in URL-safe base64, as `innkeeper secrets rotate` makes it."
            ) from None


def load_settings(**overrides: object) -> Settings:
    """Read the settings and make the data folder. Raises WrongSettings with one line that names the setting."""
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        wrong = error.errors()[0]
        name = "_".join(str(part) for part in wrong["loc"])
        message = wrong["msg"].removeprefix("Value error, ")
        raise WrongSettings(f"INNKEEPER_{name.upper()}: {message}") from None
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSettings(f"INNKEEPER_DATA_DIR: {settings.data_dir} cannot be made ({error.strerror}).") from None
    return settings
