package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.SuspendClock;

/** What a guest's clocks show after it was suspended: its wall clock, its uptime and its RTC, all the same. */
final class SuspendScenes {
    /** RTCs count whole seconds; and clocks need not go equally fast. */
    private static final double SLACK = 1.5;

    private final GuestSession guest;
    private int readings;

    /** Seconds, and between which points of the host's time the guest took them. */
    private record Reading(double wall, double uptime, double rtc, double from, double to) {}

    private SuspendScenes(GuestSession guest) {
        this.guest = guest;
    }

    private static double host() {
        return System.nanoTime() / 1e9;
    }

    private Reading read() {
        readings++;
        double from = host();
        guest.type("clocks; mark RTC $(cat /sys/class/rtc/rtc0/since_epoch)");
        double rtc = Double.parseDouble(guest.awaitMarker("RTC", readings));
        String[] clocks = guest.awaitMarker("CLOCKS", readings).split(" ");
        return new Reading(Double.parseDouble(clocks[0]), Double.parseDouble(clocks[1]), rtc, from, host());
    }

    /** Suspends a guest that serves, lets it go on, looks at its clocks and ends it. */
    static void suspend(GuestSession guest, SuspendClock policy, boolean full, int seconds) throws Exception {
        guest.awaitMarker("SERVING");
        SuspendScenes scene = new SuspendScenes(guest);
        Reading before = scene.read();
        // Idle processors look at the clock before anything else. A busy one can begin an RCU grace period with the old
        // jiffies while another one is about to move them, and Linux then takes the jump for a stall.
        TimeUnit.SECONDS.sleep(2);
        double asked = host();
        guest.vm().suspend(full);
        guest.vm().suspend(full);
        double still = host();
        guest.type("mark SPOKEN");
        TimeUnit.SECONDS.sleep(seconds);
        assertThat(guest.output()).doesNotContain("@@ SPOKEN");
        double goes = host();
        guest.vm().resume(full);
        guest.vm().resume(full);
        double gone = host();
        Reading after = scene.read();

        boolean stops = policy == SuspendClock.STOP;
        double least = after.from - before.to - (stops ? gone - asked : 0) - SLACK;
        double most = after.to - before.from - (stops ? goes - still : 0) + SLACK;
        assertThat(after.uptime - before.uptime).as("uptime").isBetween(least, most);
        assertThat(after.wall - before.wall).as("wall clock").isBetween(least, most);
        assertThat(after.rtc - before.rtc).as("RTC").isBetween(least, most);
        guest.type("dmesg | grep -iE 'soft lockup|rcu.*stall|clocksource.*unstable|call trace' && mark TROUBLE");
        guest.type("end");
        assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        assertThat(guest.output()).doesNotContain("@@ TROUBLE");
    }
}
