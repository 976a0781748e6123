package clock

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The sources that are as good as somebody's watch; those of [Floor] are not.
const (
	SourceServers Source = "time servers"
	SourceAdmin   Source = "administrator"
)

// patience is how long time servers are waited for where there is a hardware clock to
// go by: they answer within seconds, or the office lets nobody ask them.
const patience = 10 * time.Minute

// Sure says whether dates may be judged by a clock that was set by source and has run for
// up: certificates, signatures, the age of what waits. A time that is only a floor is
// never good enough; a hardware clock is when no time server contradicts it for a
// while, for there are offices that never reach one.
func Sure(source Source, up time.Duration) bool {
	return source == SourceServers || source == SourceAdmin || source == SourceRTC && up >= patience
}

// HardwareClock is the device of the clock with the battery.
const HardwareClock = "/dev/rtc0"

// WriteHardware sets the clock with the battery to t, in UTC. Only a time that is known to
// be right belongs there: the next start believes it.
func WriteHardware(t time.Time) error {
	f, err := os.Open(HardwareClock)
	if err != nil {
		return fmt.Errorf("set hardware clock: %w", err)
	}
	defer f.Close()
	if err := unix.IoctlSetRTCTime(int(f.Fd()), hardwareTime(t)); err != nil {
		return fmt.Errorf("set hardware clock: %w", err)
	}
	return nil
}

// hardwareTime is linux/rtc.h's form: months from 0, years from 1900.
func hardwareTime(t time.Time) *unix.RTCTime {
	t = t.UTC()
	return &unix.RTCTime{
		Sec: int32(t.Second()), Min: int32(t.Minute()), Hour: int32(t.Hour()),
		Mday: int32(t.Day()), Mon: int32(t.Month()) - 1, Year: int32(t.Year()) - 1900,
		Wday: int32(t.Weekday()), Yday: int32(t.YearDay()) - 1,
	}
}
