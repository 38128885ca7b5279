"""python-stdnum computes the check characters of the numbers that the portal reads and gives."""

import os
import string

from portal import ask, claim, demo, verdict
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_37_36

ALPHABET = string.digits + string.ascii_uppercase
CHECK = "mutation($input: CheckCardInput!) { checkCard(input: $input) { userErrors { code field } } }"
BODY = "mutation($input: CreateBodyInput!) { createBody(input: $input) { body { uscc } warnings userErrors { code } } }"


def told(number, field):
    """What a counter is told of one of the two numbers that she types; the other is none, so that nothing is looked up."""
    shown = {"cardNumber": "-", "identityDocumentKind": "RESIDENT_ID_CARD", "documentNumber": "-", field: number}
    key = {"purpose": "HOUSING", "idempotencyKey": f"judge-{number:->16}"}
    noes = ask(demo("counter", "token"), CHECK, {"input": {"by": {"number": shown}} | key})["checkCard"]["userErrors"]
    return [no["code"] for no in noes if no["field"][-1] == field]


def warned(code):
    """What system administration is told of the code of a new body, which is kept whatever its check is."""
    new = {"kind": "EMPLOYER", "name": {"zhHans": "示范"}, "uscc": code, "idempotencyKey": f"judge-{code}"}
    made = ask(demo("system", "token"), BODY, {"input": new})["createBody"]
    return made["warnings"] + [no["code"] for no in made["userErrors"]]


def one_fits(what, body, characters, look, wrong, expected):
    """Of all check characters one fits, which the judge computes; with each other one the portal says `wrong`."""
    found = {character: look(body + character) for character in characters}
    differ = {c: codes for c, codes in found.items() if (wrong in codes) == (c == expected) or not set(codes) <= {wrong}}
    claim(f"{what} {body}?: {expected} fits and nothing else", expected in found and not differ, differ)


residents = ["11010519491231002", "31010119920229001", "42010619880229113", "44030520001231987", "71000019850615002", "65310119950101000"]
for body in residents:
    one_fits("resident id", body, "0123456789X", lambda number: told(number, "documentNumber"), "CHECK_DIGIT_WRONG", ric.calc_check_digit(body + "0"))
    whole = body + ric.calc_check_digit(body + "0")
    claim(f"resident id {whole} is one", ric.is_valid(whole) and not told(whole, "documentNumber"), ric.is_valid(whole))
for body in ["44030519900229001", "44030519901301001", "44030519900431001", "4403051990043000", "00030519900430001"]:
    whole = body + ric.calc_check_digit(body + "0")
    claim(f"resident id {whole} is none", not ric.is_valid(whole) and told(whole, "documentNumber"), ric.is_valid(whole))

for body in ["91440300MA0000015", "91110000600037341"]:
    one_fits("USCC", body, uscc._alphabet, warned, "CHECK_WRONG", uscc.calc_check_digit(body))

talent = {"contact": os.environ["JOURNEY_CONTACT"], "password": os.environ["JOURNEY_PASSWORD"]}
token = ask(None, "sign-in/sign-in", {"input": talent})["signIn"]["result"]["accessToken"]
case = ask(token, "my-applications/my-applications", {"first": 1})["myApplications"]["nodes"][0]["number"]
claim(f"case number {case} ends with its check (MOD 37,36)", mod_37_36.is_valid(case), mod_37_36.calc_check_digit(case[:-1]))
card = ask(token, "my-card/my-cards")["myCards"][0]["currentNumber"]["value"]
for body in [card[:-1], "4400A00000017", "4400C99999999", "820000A12345678"]:
    one_fits("card number", body, ALPHABET, lambda number: told(number, "cardNumber"), "CHECK_DIGIT_WRONG", mod_37_36.calc_check_digit(body))
claim(f"card number {card} ends with its check (MOD 37,36)", mod_37_36.is_valid(card), mod_37_36.calc_check_digit(card[:-1]))
verdict("digits (python-stdnum)", 6 * 2 + 5 + 2 + 1 + 4 + 1)
