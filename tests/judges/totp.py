"""pyotp stands in for the authenticator app of a demo person."""

import time

import pyotp
from portal import ask, claim, demo, verdict

contact = "talent2@demo.invalid"
token = demo("talent2", "token")
person = ask(token, "sign-in/viewer")["viewer"]["person"]["id"]
enrolment = ask(token, "security/start-totp-enrolment")["startTotpEnrolment"]["enrolment"]
app = pyotp.parse_uri(enrolment["uri"])
claim("the address for the app is read, and holds the secret", isinstance(app, pyotp.TOTP) and app.secret == enrolment["secret"], enrolment["uri"])
claim("it asks for the form of all apps: SHA-1, six digits, 30 seconds", (app.digest().name, app.digits, app.interval) == ("sha1", 6, 30))

now = int(time.time())
confirmed = ask(token, "security/complete-totp-enrolment", {"input": {"code": app.at(now)}})["completeTotpEnrolment"]
claim("its code completes the enrolment", confirmed["factor"] and not confirmed["userErrors"], confirmed["userErrors"])

answer = ask(None, "sign-in/sign-in", {"input": {"contact": contact, "password": demo("talent2", "password")}})["signIn"]
claim("the password alone gives no session", answer["result"]["__typename"] == "SecondFactorRequired", answer)
for what, code in [("used before", app.at(now)), ("of two minutes ahead", app.at(now + 120))]:
    refused = ask(None, "sign-in/complete-sign-in", {"input": {"challengeId": answer["result"]["challengeId"], "code": code}})["completeSignIn"]
    claim(f"a code {what} is refused", not refused["session"] and refused["userErrors"], refused["userErrors"])
# The step of `now` is taken, and one to either side of the portal's is good.
signed = ask(None, "sign-in/complete-sign-in", {"input": {"challengeId": answer["result"]["challengeId"], "code": app.at(now + 30)}})["completeSignIn"]
claim("the next code completes the sign-in", signed["session"], signed["userErrors"])
viewer = ask(signed["session"]["accessToken"], "sign-in/viewer")["viewer"]
claim("the session is that person's", viewer["person"]["id"] == person, viewer)
verdict("totp (pyotp)", 8)
