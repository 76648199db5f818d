# Reads JUnit XML reports; prints the failed tests, the reasons of skipped ones, and one line of totals.
# -v broken=N: that many parts of the run failed as a whole.
# Returns 1 if anything failed, or if there was no test at all.

BEGIN { RS = "<" }

function attribute(name,    at, rest) {
    at = index($0, " " name "=\"")
    if (!at) return ""
    rest = substr($0, at + length(name) + 3)
    return plain(substr(rest, 1, index(rest, "\"") - 1))
}

function plain(text) {
    gsub(/&quot;/, "\"", text); gsub(/&apos;|&#39;/, "'", text)
    gsub(/&#10;|&#xa;|\n/, " ", text)
    gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&amp;/, "\\&", text)
    return text
}

function skip(reason) {
    sub(/^org\.opentest4j\.TestAbortedException: /, "", reason)
    sub(/^Assumption failed: /, "", reason)
    if (reason == "") reason = "no reason given"
    if (!(reason in reasons)) order[++distinct] = reason
    reasons[reason]++
    waiting = 0
}

function fail() {
    if (counted) return
    counted = 1
    failures++
    print "FAILED: " test
}

/^testcase / {
    if (waiting) skip("")
    tests++
    counted = 0
    test = attribute("classname")
    sub(/^.*\./, "", test)
    test = test "." attribute("name")
}
/^(failure|error)[ >\/]/ { fail() }
/^skipped[ >\/]/ {
    skips++
    reason = attribute("message")
    if (reason != "") skip(reason)
    else waiting = 1
}
/^!\[CDATA\[/ && waiting {
    text = substr($0, 9)
    sub(/\]\]>.*$/, "", text)
    sub(/\n.*$/, "", text)
    skip(text)
}

END {
    if (waiting) skip("")
    for (i = 1; i <= distinct; i++) print "skipped " reasons[order[i]] ": " order[i]
    printf "%d passed, %d failed, %d skipped\n", tests - failures - skips, failures + broken, skips
    exit (failures + broken > 0 || tests == 0)
}
