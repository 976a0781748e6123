package message

import "strings"

// messageIDs finds the message IDs in a value such as References has, in order,
// without their angle brackets. Other text between them is passed over. At most
// the last MaxReferences are given.
func messageIDs(value string) []string {
	var ids []string
	for {
		_, rest, ok := strings.Cut(value, "<")
		if !ok {
			break
		}
		id, after, ok := strings.Cut(rest, ">")
		if !ok {
			break
		}
		value = after
		if i := strings.LastIndexByte(id, '<'); i >= 0 {
			id = id[i+1:]
		}
		if id, ok := canonicalID(id); ok {
			ids = append(ids, id)
			if len(ids) > 2*MaxReferences {
				ids = append([]string(nil), lastOf(ids)...)
			}
		}
	}
	return lastOf(ids)
}

// canonicalID checks that id could be one (RFC 5322 §3.6.4, generously) and
// takes needless quotes off its left side: RFC 5256 §3 wants "<\"a\"@b>" and
// "<a@b>" to be the same.
func canonicalID(id string) (string, bool) {
	id = strings.TrimSpace(id)
	if id == "" || len(id) > MaxMessageID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", false
	}
	if rest, ok := strings.CutPrefix(id, `"`); ok {
		if left, right, ok := strings.Cut(rest, `"@`); ok && left != "" && !strings.ContainsAny(left, `"\()<>[]:;@,`) {
			return left + "@" + right, true
		}
	}
	return id, true
}

// lastOf keeps the last MaxReferences, which are the nearest ancestors.
func lastOf(ids []string) []string {
	if len(ids) > MaxReferences {
		return ids[len(ids)-MaxReferences:]
	}
	return ids
}
