#!/bin/sh
# Makes every file under */v*/reports and formats/jacoco.xml again: sets up the pinned tools in a temporary folder, runs them
# over copies of the code bases, and writes what they printed. See README.md.
#
# JACOCO_JARS is the folder with JaCoCo's and ASM's jars, /usr/share/java where Debian's libjacoco-java is
# installed; without them and a JDK formats/jacoco.xml is left as it is.
#
# Needs python3 (3.11 or later) with venv, node (20.19 or later) with npm, and access to their package registries.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# The real path, because the tools resolve links before they write addresses.
work=$(cd "$(mktemp -d)" && pwd -P)
trap 'rm -rf "$work"' EXIT INT TERM
export PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1

# ESLint, ruff and bandit end with 1 when they have findings, which is what we want; anything above is a failure.
with_findings() {
    code=0
    "$@" || code=$?
    [ "$code" -le 1 ] || { echo "record.sh: '$*' ended with $code" >&2; exit "$code"; }
}

# keep EXAMPLE VERSION REPORT...: normalises reports in the work folder and copies them to the example.
keep() {
    from=$work/$1/$2 to=$here/$1/$2/reports
    shift 2
    mkdir -p "$to"
    for report in "$@"; do
        python3 "$here/normalise.py" "$from" "$from/reports/$report"
        cp "$from/reports/$report" "$to/$report"
    done
}

for example in python-shop ts-ledger; do
    cp -R "$here/$example" "$work/$example"
    rm -rf "$work/$example"/v*/reports "$work/$example/node_modules"
    mkdir "$work/$example/v1/reports" "$work/$example/v2/reports"
done

echo "== python-shop"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/python-shop/requirements.txt"
PATH=$work/venv/bin:$PATH
for version in v1 v2; do
    cd "$work/python-shop/$version"
    coverage run -m pytest -q -p no:cacheprovider
    coverage xml -q -o reports/coverage.xml
    coverage report
    with_findings ruff check --no-cache --quiet --output-format sarif --output-file reports/ruff.sarif shop tests
    with_findings bandit --quiet --recursive --format sarif --output reports/bandit.sarif shop
    keep python-shop "$version" ruff.sarif bandit.sarif coverage.xml
done

echo "== ts-ledger"
cd "$work/ts-ledger"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
PATH=$work/ts-ledger/node_modules/.bin:$PATH
for version in v1 v2; do
    cd "$work/ts-ledger/$version"
    tsc --noEmit
    vitest run --coverage --coverage.reportsDirectory=coverage
    cp coverage/lcov.info reports/lcov.info
    with_findings eslint --format @microsoft/eslint-formatter-sarif --output-file reports/eslint.sarif src tests
    keep ts-ledger "$version" eslint.sarif lcov.info
done

echo "== formats"
jars=${JACOCO_JARS:-/usr/share/java}
if [ -f "$jars/org.jacoco.core.jar" ] && command -v javac >/dev/null; then
    cd "$work"
    tally=$here/formats/java-tally
    path=$jars/org.jacoco.core.jar:$jars/org.jacoco.report.jar
    for part in "" -tree -commons -analysis; do path=$path:$jars/asm$part.jar; done
    python3 -m zipfile -e "$jars/org.jacoco.agent.jar" agent
    javac -g --release 11 -d classes "$tally/src/main/java/org/example/tally/Tally.java"
    javac -g --release 11 -cp classes -d checks "$tally/src/test/java/org/example/tally/TallyCheck.java"
    java -ea "-javaagent:agent/jacocoagent.jar=destfile=jacoco.exec,sessionid=java-tally,includes=org.example.*" \
        -cp classes:checks org.example.tally.TallyCheck
    javac -cp "$path" -d reporter "$tally/JacocoXml.java"
    java -cp "$path:reporter" JacocoXml jacoco.exec classes "$tally/src/main/java" jacoco.xml
    python3 "$here/normalise.py" "$work" jacoco.xml
    cp jacoco.xml "$here/formats/jacoco.xml"
else
    echo "no JaCoCo in $jars or no JDK: formats/jacoco.xml is left as it is"
fi

echo "recorded; compare with: git diff --stat -- $here"
