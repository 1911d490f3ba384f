"""Settings of keystone mode: the login with which engines validate tokens, and who registers Congress in the cloud."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from settings.types import Model, Name, OsloName, fits_oslo_config


class KeystoneLogin(Model):
    """A user that an administrator created for Congress. With it, the stack registers nothing."""

    username: OsloName = Field(description="user that Congress logs in as", examples=["congress"])
    password: SecretStr = Field(min_length=1, description="its password", examples=[""])
    user_domain: OsloName = Field("Default", description="domain of the user", examples=["Default"])
    project: OsloName = Field(
        "service", description="project in which the user may check tokens", examples=["service"]
    )
    project_domain: OsloName = Field("Default", description="domain of the project", examples=["Default"])

    @field_validator("password")
    @classmethod
    def _fits_into_a_file_of_oslo_config(cls, value: SecretStr) -> SecretStr:
        fits_oslo_config(value.get_secret_value())
        return value

    def user(self) -> dict[str, Any]:
        """The options of keystoneauth's password plugin, which are also those of [keystone_authtoken]."""
        return {
            "username": self.username,
            "password": self.password.get_secret_value(),
            "user_domain_name": self.user_domain,
            "project_name": self.project,
            "project_domain_name": self.project_domain,
        }


class Keystone(Model):
    """The stack creates the user congress and the entries in the catalog, unless `login` is set."""

    administrator: Name | None = Field(
        None,
        description="cloud of your clouds.yaml whose login may make users and catalog entries; "
        "your own login if it is not set",
        examples=["mycloud-admin"],
    )
    login: KeystoneLogin | None = Field(
        None,
        description="a user that an administrator made; then nothing is registered",
        examples=[{"username": "congress"}],
    )
    region: OsloName | None = Field(
        None,
        description="region of keystone and of Congress's endpoints; that of your login if it is not set",
        examples=["RegionOne"],
    )
    project: OsloName = Field("service", description="project of the cloud's own users", examples=["service"])
    domain: OsloName = Field("Default", description="its domain, and the user's", examples=["Default"])
    role: Name = Field("service", description="role with which a user may check tokens", examples=["service"])

    @model_validator(mode="after")
    def _one_who_registers(self) -> Self:
        # Compare with the defaults, because the defaults in Pulumi.yaml look like values that the user set.
        fields = type(self).model_fields
        given = [
            n for n in ("administrator", "project", "domain", "role") if getattr(self, n) != fields[n].default
        ]
        if self.login is not None and given:
            raise ValueError(f"with login nothing is registered: remove {', '.join(given)}, or login")
        return self
