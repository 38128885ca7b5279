#!/usr/bin/env bash
# The main way through the portal, from sign-up to a recorded use of a benefit, against a fresh `serve --demo`.
#
#   docs/journey.sh http://127.0.0.1:8080 ./data demo.txt
#
# 1: address of the portal. 2: its data folder, in whose folder `outbox` the messages with codes lie. 3 (or DEMO_LINES):
# file with what `serve --demo` printed: ids of units and bodies, tokens of the staff. ACCEPT_LANGUAGE: language of the
# texts, zh-HK by default. JOURNEY_CONTACT, JOURNEY_PASSWORD: how the talent signs in, made up by default. Needs bash,
# curl, jq and the base tools of the system. Ends with a code other than 0 at the first answer that is not as it must be.
set -euo pipefail

usage="usage: journey.sh BASE_URL DATA_DIR [DEMO_LINES]"
base=${1:?$usage}
base=${base%/}
data_dir=${2:?$usage}
demo=${3:-${DEMO_LINES:?$usage}}
language=${ACCEPT_LANGUAGE:-zh-HK}
operations=$(cd "$(dirname "$0")/.." && pwd)/schema/operations
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run=$(date +%s)-$$
step=0

fail() {
  echo "FAILED: $*" >&2
  [ -z "${answer:-}" ] || jq . >&2 <<<"$answer"
  exit 1
}

say() {
  step=$((step + 1))
  printf '%2d  %s\n' "$step" "$*"
}

# Sends the text of a stored operation. ask TOKEN FILE [VARIABLES]; the answer stands in `answer`, its data in `data`.
ask() {
  local body variables=${3:-}
  [ -n "$variables" ] || variables="{}"
  body=$(jq -n --rawfile query "$operations/$2.graphql" --argjson variables "$variables" '{$query, $variables}')
  local header=()
  [ -z "$1" ] || header=(-H "Authorization: Bearer $1")
  answer=$(curl -sS --max-time 30 "$base/graphql" -H 'Content-Type: application/json' -H "Accept-Language: $language" "${header[@]}" -d "$body") || fail "$2: no answer"
  jq -e '(.errors // []) == [] and ([.data[]? | objects | .userErrors? // [] | .[]] == [])' >/dev/null <<<"$answer" || fail "$2"
  data=$(jq -c '.data' <<<"$answer")
}

# expect FILTER: the filter must be true of the data.
expect() {
  jq -e "$1" >/dev/null <<<"$data" || fail "expected $1"
}

get() {
  jq -er "$1" <<<"$data" || fail "nothing at $1"
}

# The variables of a mutation: input JQ_PROGRAM [JQ_ARGUMENTS].
input() {
  local program=$1
  shift
  jq -nc "$@" "{input: ($program)}"
}

token_of() { awk -v login="$1@demo.invalid" '$1 == login { for (i = 2; i < NF; i++) if ($i == "token") print $(i + 1) }' "$demo"; }
id_of() { awk -v kind="$1" -v name="$2" '$1 == kind && $2 == name { print $3 }' "$demo"; }
sha256() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }

window=$(id_of unit window)
employer=$(id_of body employer)
officer=$(token_of officer)
reviewer=$(token_of reviewer)
reviewer2=$(token_of reviewer2)
approver=$(token_of approver)
system=$(token_of system)
counter=$(token_of counter)
confirmer=$(token_of confirmer)
for needed in window employer officer reviewer reviewer2 approver system counter confirmer; do
  [ -n "${!needed}" ] || fail "$demo does not name $needed"
done

# --- The talent signs up -------------------------------------------------------------------------------------------
contact=${JOURNEY_CONTACT:-talent-$run@example.invalid}
password=${JOURNEY_PASSWORD:-$(head -c 18 /dev/urandom | base64)}
ask "" sign-up/start-sign-up "$(input '{contact: $contact, language: "ZH_HANT"}' --arg contact "$contact")"
challenge=$(get .startSignUp.challenge.id)
code=
for _ in $(seq 100); do
  for letter in "$data_dir"/outbox/*.json; do
    [ ! -e "$letter" ] || code=$(jq -r --arg to "$contact" 'select(.to == $to) | .secret // empty' "$letter")
    [ -z "$code" ] || break 2
  done
  sleep 0.1
done
[ -n "$code" ] || fail "no code came to $data_dir/outbox"
ask "" sign-up/complete-sign-up "$(input '{$challengeId, $code, $password, nameZh: "陳大文", nameLatin: "CHAN Tai Man"}' --arg challengeId "$challenge" --arg code "$code" --arg password "$password")"
expect '.completeSignUp.session.accessToken | length > 20'
say "signed up as $contact"

ask "" sign-in/sign-in "$(input '{$contact, $password}' --arg contact "$contact" --arg password "$password")"
expect '.signIn.result.__typename == "SessionPair"'
talent=$(get .signIn.result.accessToken)
ask "$talent" sign-in/viewer
expect '.viewer.assurance == "L1"'
me=$(get .viewer.person.id)
say "signed in, assurance L1"

# --- Who she is ----------------------------------------------------------------------------------------------------
ask "$talent" profile/add-identity-document "$(input '{kind: "HKID", documentNumber: "A123456(3)", $idempotencyKey}' --arg idempotencyKey "document-$run")"
expect '.addIdentityDocument.identityDocument.verified == false and (.addIdentityDocument.identityDocument.maskedNumber | contains("123456") | not)'
document=$(get .addIdentityDocument.identityDocument.id)
say "added an identity card, shown as $(get .addIdentityDocument.identityDocument.maskedNumber)"

ask "$talent" profile/profile
my_version=$(get .talentProfile.person.version)
ask "$officer" window/verify-identity "$(input '{$personId, $identityDocumentId, kind: "HKID", documentNumber: "A123456(3)", expectedVersion: ($version | tonumber)}' --arg personId "$me" --arg identityDocumentId "$document" --arg version "$my_version")"
expect '.verifyIdentity.person.assurance == "L2" and .verifyIdentity.identityDocument.verified'
ask "$talent" profile/profile
expect '.talentProfile.person.assurance == "L2"'
say "the officer read the original: assurance L2"

# --- What she applies for ------------------------------------------------------------------------------------------
ask "$talent" apply/service-item '{"code": "GD-TALENT-CARD"}'
expect '.serviceItem.currentVersion.edition == "2023" and any(.serviceItem.offerings.nodes[]; .takesApplications)'
item=$(get .serviceItem.id)
say "found the item $(get .serviceItem.name.value)"

# upload KIND FILE MEDIA_TYPE: sends a file and adds it to `materials` under KEY.
upload() {
  local size digest url
  size=$(wc -c <"$2" | tr -d ' ')
  digest=$(sha256 "$2")
  ask "$talent" apply/create-upload "$(input '{$documentKind, $mediaType, size: ($size | tonumber), $sha256, $fileName}' \
    --arg documentKind "$1" --arg mediaType "$3" --arg size "$size" --arg sha256 "$digest" --arg fileName "$(basename "$2")")"
  url=$(get .createUpload.upload.url)
  case $url in /*) url=$base$url ;; esac
  answer=$(curl -sS --max-time 30 -X PUT "$url" -H "Authorization: Bearer $talent" -H "Accept-Language: $language" --data-binary "@$2") || fail "PUT of $1"
  version=$(jq -er .documentVersionId <<<"$answer") || fail "PUT of $1"
}

# A PDF of one empty page that says in a comment what it stands for.
pdf() {
  local at=() object
  printf '%%PDF-1.4\n%% %s of a demo, synthetic\n' "$1" >"$2"
  for object in '<< /Type /Catalog /Pages 2 0 R >>' '<< /Type /Pages /Kids [3 0 R] /Count 1 >>' '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>'; do
    at+=("$(wc -c <"$2" | tr -d ' ')")
    printf '%d 0 obj\n%s\nendobj\n' "${#at[@]}" "$object" >>"$2"
  done
  local table
  table=$(wc -c <"$2" | tr -d ' ')
  { printf 'xref\n0 4\n0000000000 65535 f \n'; printf '%010d 00000 n \n' "${at[@]}"; printf 'trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n' "$table"; } >>"$2"
}

materials='[]'
bind() { materials=$(jq -c --arg key "$1" --arg documentVersionId "$version" '. + [{$key, $documentVersionId}]' <<<"$materials"); }
for key in application_form labour_contract employment_certificate travel_permit degree_authentication; do
  kind=$(get '.serviceItem.currentVersion.materials[] | select(.key == "'"$key"'") | .documentKind')
  kinds="${kinds:-}$key $kind"$'\n'
done
while read -r key kind; do
  [ -n "$key" ] || continue
  pdf "$kind" "$work/$key.pdf"
  upload "$kind" "$work/$key.pdf" application/pdf
  bind "$key"
done <<<"$kinds"
base64 -d >"$work/photo.png" <<<'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg=='
upload PHOTO "$work/photo.png" image/png
bind photo
photo=$version
ask "$talent" apply/my-documents '{"first": 20}'
expect '.myDocuments.nodes | length == 6'
say "uploaded $(jq length <<<"$materials") materials"

ask "" sign-up/today
year=$(get '.today[:4] | tonumber')
answers=$(jq -nc --arg employer "$employer" --arg photo "$photo" --arg until "$((year + 3))-12-31" '{
  grade: "B", category: "DOCTOR", evidence: "DEGREE", origin: "HONG_KONG", settled_overseas: false, $employer, post: "研究員",
  contract_until: $until, city: "440100", civil_servant: false, insurance_months: 12, tax_months: 12, cooperation_agreement: false,
  months_per_year: 10, lawful: true, honest: true, outstanding: true, name_chinese: "陳大文", name_latin: "CHAN Tai Man",
  spouse: false, children: false, $photo }')
ask "$talent" apply/eligibility "$(jq -nc --argjson answers "$answers" '{code: "GD-TALENT-CARD", whatIf: [
  {path: "conduct.lawful", value: true}, {path: "conduct.honest", value: true}, {path: "talent.outstanding", value: true},
  {path: "contribution.insurance_months", value: $answers.insurance_months}, {path: "employment.civil_servant", value: false}]}')"
expect '.eligibility.outcome == "PASS"'
say "the rules of the item are met"

ask "$talent" apply/save-cart "$(input '{$idempotencyKey, lines: [{$itemId, regionCode: "440100", $answers, $materials}]}' \
  --arg idempotencyKey "save-cart-$run" --arg itemId "$item" --argjson answers "$answers" --argjson materials "$materials")"
expect '.saveCart.order.state == "CART" and (.saveCart.order.applications | length == 1)'
order=$(get .saveCart.order.id)
submit=$(input '{$idempotencyKey, $orderId, expectedVersion: ($version | tonumber)}' \
  --arg idempotencyKey "submit-cart-$run" --arg orderId "$order" --arg version "$(get .saveCart.order.version)")
ask "$talent" apply/submit-cart "$submit"
expect '.submitCart.order.state == "SUBMITTED" and .submitCart.order.applications[0].state == "RECEIVED"'
case=$(get '.submitCart.order.applications[0].id')
number=$(get '.submitCart.order.applications[0].number')
ask "$talent" apply/submit-cart "$submit"
expect '.submitCart.order.applications[0].number == "'"$number"'"'
say "handed in as case $number; sent twice, it is one case"

# --- The window and the employer -----------------------------------------------------------------------------------
ask "$officer" work-queue/work-queue "$(jq -nc --arg unitId "$window" '{$unitId, first: 20}')"
expect 'any(.workQueue.nodes[]; .number == "'"$number"'" and .state == "RECEIVED")'
say "the officer sees it in the work queue"

# act TOKEN FILE FIELD [MORE]: does something with the case in its present version.
seen=
act() {
  local program='{$applicationId, expectedVersion: ($version | tonumber)}'
  [ $# -lt 4 ] || program="$program + $4"
  [ -n "$seen" ] || seen=$(look "$1")
  ask "$1" "case/$2" "$(input "$program" --arg applicationId "$case" --arg version "$seen")"
  data=$(jq -c ".$3.application" <<<"$data")
  seen=$(get .version)
}
look() {
  ask "$1" case/case "$(jq -nc --arg id "$case" '{$id}')"
  get .application.version
}

act "$officer" claim-application claimApplication
expect '.claimed and any(.availableActions[]; .action == "ACCEPT" and .allowed)'
act "$officer" accept-application acceptApplication
expect '.state == "ACCEPTED" and .step.key == "employer_confirmation"'
say "the officer claimed and accepted it"

ask "$confirmer" work-queue/employer-queue "$(jq -nc --arg bodyId "$employer" '{$bodyId, first: 20}')"
expect 'any(.employerQueue.nodes[]; .number == "'"$number"'")'
act "$confirmer" complete-step completeStep '{stepKey: "employer_confirmation", outcome: "POSITIVE"}'
expect '.state == "IN_REVIEW" and .step.key == "city_review"'
say "the employer confirmed"

act "$reviewer" claim-application claimApplication
act "$reviewer" complete-step completeStep '{stepKey: "city_review", outcome: "POSITIVE"}'
expect '.step.key == "province_review"'
say "the city reviewed it"

act "$reviewer2" claim-application claimApplication
act "$reviewer2" complete-step completeStep '{stepKey: "province_review", outcome: "POSITIVE"}'
expect '.step == null and .stepsDone == 3'
say "the province reviewed it, by another person"

act "$approver" claim-application claimApplication
act "$approver" decide-application decideApplication '{decision: "APPROVED"}'
expect '.state == "DECIDED" and .decision == "APPROVED"'
say "the approver decided: APPROVED"

act "$officer" record-delivery recordDelivery '{channel: "ONLINE"}'
expect '.state == "DELIVERED"'
ask "$talent" my-applications/my-applications '{"first": 20}'
expect 'any(.myApplications.nodes[]; .number == "'"$number"'" and .state == "DELIVERED")'
ask "$talent" my-applications/my-application "$(jq -nc --arg id "$case" '{$id}')"
expect '([.application.documents[].kind] | contains(["RECEIPT", "ACCEPTANCE", "DECISION"])) and any(.application.documents[]; .delivery.channel == "ONLINE")'
say "the officer recorded the delivery; the talent has receipt, acceptance and decision"

# --- The card ------------------------------------------------------------------------------------------------------
ask "$talent" my-card/my-cards
expect '.myCards | length == 1 and .[0].status == "ACTIVE" and .[0].grade.code == "B" and (.[0].benefits | length > 0)'
card=$(get '.myCards[0].id')
say "the talent has card $(get '.myCards[0].currentNumber.value') until $(get '.myCards[0].validUntil') with $(get '.myCards[0].benefits | length') benefits"

ask "$system" card-check/set-counter-purpose "$(input '{$unitId, purpose: "HOUSING", allowed: true}' --arg unitId "$window")"
expect '.setCounterPurpose.counterPurpose.allowed'
ask "$talent" my-card/create-card-token "$(input '{$cardId}' --arg cardId "$card")"
shown=$(get .createCardToken.cardToken.token)
ask "$counter" card-check/check-card "$(input '{by: {$token}, purpose: "HOUSING", $idempotencyKey}' --arg token "$shown" --arg idempotencyKey "check-card-$run")"
expect '.checkCard.check.answer == "VALID" and .checkCard.grade.code == "B" and (.checkCard.maskedHolderName | contains("大文") | not)'
check=$(get .checkCard.check.id)
benefit=$(get '.checkCard.benefits[].benefit | select(.relation == "HOLDER") | .id' | head -n 1)
say "the counter checked the card of $(get .checkCard.maskedHolderName) for HOUSING"

ask "$counter" card-check/record-benefit-use "$(input '{$checkId, $benefitId, amount: 1, $idempotencyKey}' --arg checkId "$check" --arg benefitId "$benefit" --arg idempotencyKey "benefit-use-$run")"
expect '.recordBenefitUse.balance.used == 1'
say "the counter recorded one use"

ask "$talent" my-card/card-checks "$(jq -nc --arg id "$card" '{$id, first: 20}')"
expect 'any(.card.checks.nodes[]; .id == "'"$check"'" and .purpose == "HOUSING" and .answer == "VALID")'
ask "$talent" my-card/my-cards
expect 'any(.myCards[0].benefits[]; .benefit.id == "'"$benefit"'" and .balances[0].used == 1)'
say "the talent sees who checked the card and what was used"

# --- The inbox -----------------------------------------------------------------------------------------------------
# Notices come a moment after what they tell.
for _ in $(seq 100); do
  ask "$talent" inbox/my-notices '{"first": 20}'
  [ "$(get '.myNotices.nodes | length')" -lt 5 ] || break
  sleep 0.1
done
expect '([.myNotices.nodes[].cause] | reverse) == ["SUBMITTED", "ACCEPTED", "DECIDED", "CARD_ISSUED", "DELIVERED"]'
expect '[.myNotices.nodes[] | select(.cause != "CARD_ISSUED") | .text | contains("'"$number"'")] | all'
get '.myNotices.nodes | reverse[] | "   " + .title'
ask "$talent" inbox/mark-notices-read '{"input": {}}'
expect '.markNoticesRead.unreadNoticeCount == 0'
say "the talent was told of each of it and has read it"
ask "$talent" sign-in/sign-out
say "signed out; the journey is complete"
