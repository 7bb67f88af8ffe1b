"""Addresses are normalised when they are stored."""

import pytest

from sandbox.emails import normalised


@pytest.mark.parametrize(
    ("email", "stored"),
    [
        ("Ana.Lopez@gmail.com", "analopez@gmail.com"),
        ("ana+autos@googlemail.com", "ana@gmail.com"),
        ("Ana.Lopez+autos@outlook.es", "ana.lopez@outlook.es"),
        ("ana+autos@icloud.com", "ana@icloud.com"),
        ("ana-maria-autos@yahoo.com", "ana-maria@yahoo.com"),
        ("ana@ya.ru", "ana@yandex.ru"),
        ("Ana.Lopez+autos@Empresa.GT", "ana.lopez+autos@empresa.gt"),
    ],
)
def test_a_mailbox_has_one_spelling(email, stored):
    assert normalised(email) == stored
