package api

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"lastgasp/headend"
)

// acceptRange is one part of an Accept header.
type acceptRange struct {
	kind    string  // type/subtype, type/* or */*
	profile string  // "" for any
	quality float64 // 0: not wanted
}

// acceptRanges reads the Accept header of a request (RFC 9110, 12.5.1); without one everything is wanted. Parts that
// cannot be read count for nothing.
func acceptRanges(h http.Header) []acceptRange {
	text := strings.Join(h.Values("Accept"), ",")
	if strings.TrimSpace(text) == "" {
		return []acceptRange{{kind: "*/*", quality: 1}}
	}
	var ranges []acceptRange
	for part := range strings.SplitSeq(text, ",") {
		kind, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		r := acceptRange{kind: kind, profile: strings.ToLower(parameters["profile"]), quality: 1}
		if q, given := parameters["q"]; given {
			if r.quality, err = strconv.ParseFloat(q, 64); err != nil || r.quality < 0 || r.quality > 1 {
				continue
			}
		}
		ranges = append(ranges, r)
	}
	return ranges
}

// precision is how closely a range names a format: 0 not at all, 1 as anything, 4 with its profile.
func (r acceptRange) precision(f headend.ExportFormat) int {
	major, _, _ := strings.Cut(f.MediaType, "/")
	switch {
	case r.profile != "" && r.profile != f.Profile:
		return 0
	case r.kind == f.MediaType && r.profile != "":
		return 4
	case r.kind == f.MediaType && f.Profile == "":
		return 3
	case r.kind == major+"/*" && f.Profile == "":
		return 2
	case r.kind == "*/*" && f.Profile == "":
		return 1
	}
	return 0
}

// negotiate picks the format that is wanted most; of several wanted alike the one that is named most closely, and of those
// the first. A format with a profile is only had by naming that.
func negotiate(h http.Header, formats []headend.ExportFormat) (headend.ExportFormat, bool) {
	ranges := acceptRanges(h)
	var best headend.ExportFormat
	quality, precision := 0.0, 0
	for _, f := range formats {
		q, p := 0.0, 0
		for _, r := range ranges {
			if closer := r.precision(f); closer > p {
				q, p = r.quality, closer
			}
		}
		if q > quality || q == quality && q > 0 && p > precision {
			best, quality, precision = f, q, p
		}
	}
	return best, quality > 0
}
