package jcrosvm.platform.irqchip;

import java.util.Optional;

/**
 * One counter of the Intel 8254. It does not count: where it stands follows from the ticks since it was loaded. Times
 * are ticks of the 1.193182 MHz input. Guarded by {@link Pit}.
 */
final class PitChannel {
    /** No further edge of the output. */
    static final long NEVER = Long.MAX_VALUE;

    private static final int ACCESS_LOW = 1;
    private static final int ACCESS_HIGH = 2;
    private static final int STATUS_OUTPUT = 0x80;
    private static final int STATUS_NULL_COUNT = 0x40;

    private int mode;
    private int access = 3;
    private boolean bcd;
    private int reload = 0x10000;
    private boolean loaded; // a count was written since the control word
    private boolean triggered; // modes 1 and 5: the gate has risen since
    private long start;
    private boolean gate;
    private long pausedAt = -1; // modes 0 and 4 stand still while the gate is low
    private int lowByte;
    private boolean writeHigh;
    private boolean readHigh;
    private int latched = -1;
    private int latchedStatus = -1;

    PitChannel(boolean gate) {
        this.gate = gate;
    }

    PitChannelState state() {
        return new PitChannelState(
                mode,
                access,
                bcd,
                reload,
                loaded,
                triggered,
                start,
                gate,
                pausedAt < 0 ? Optional.empty() : Optional.of(pausedAt),
                lowByte,
                writeHigh,
                readHigh,
                latched < 0 ? Optional.empty() : Optional.of(latched),
                latchedStatus < 0 ? Optional.empty() : Optional.of(latchedStatus));
    }

    void restore(PitChannelState state) {
        mode = state.mode();
        access = state.access();
        bcd = state.bcd();
        reload = state.reload();
        loaded = state.loaded();
        triggered = state.triggered();
        start = state.start();
        gate = state.gate();
        pausedAt = state.pausedAt().orElse(-1L);
        lowByte = state.lowByte();
        writeHigh = state.writeHigh();
        readHigh = state.readHigh();
        latched = state.latched().orElse(-1);
        latchedStatus = state.latchedStatus().orElse(-1);
    }

    /** A control word for this counter, latch commands excluded. */
    void control(int value, long now) {
        access = (value >> 4) & 3;
        int m = (value >> 1) & 7;
        mode = m > 5 ? m - 4 : m;
        bcd = (value & 1) != 0;
        loaded = false;
        triggered = false;
        writeHigh = false;
        readHigh = false;
        latched = -1;
        latchedStatus = -1;
        start = now;
        pausedAt = -1;
    }

    void write(int value, long now) {
        switch (access) {
            case ACCESS_LOW -> load(value, now);
            case ACCESS_HIGH -> load(value << 8, now);
            default -> {
                if (writeHigh) {
                    load(lowByte | (value << 8), now);
                } else {
                    lowByte = value;
                    if (mode == 0) {
                        loaded = false; // the first byte of two stops the count
                    }
                }
                writeHigh = !writeHigh;
            }
        }
    }

    private void load(int value, long now) {
        int count = bcd ? fromBcd(value) : value;
        reload = count != 0 ? count : bcd ? 10_000 : 0x10000;
        loaded = true;
        start = now;
        pausedAt = pauses() && !gate ? now : -1;
    }

    private boolean pauses() {
        return mode == 0 || mode == 4;
    }

    void gate(boolean level, long now) {
        if (level == gate) {
            return;
        }
        gate = level;
        if (pauses()) {
            if (level && pausedAt >= 0) {
                start += now - pausedAt;
                pausedAt = -1;
            } else if (!level) {
                pausedAt = now;
            }
        } else if (level) {
            start = now;
            triggered = true;
        }
    }

    boolean gate() {
        return gate;
    }

    private boolean counting() {
        return switch (mode) {
            case 1, 5 -> loaded && triggered;
            case 2, 3 -> loaded && gate;
            default -> loaded;
        };
    }

    private long elapsed(long now) {
        return Math.max(0, (pausedAt >= 0 ? pausedAt : now) - start);
    }

    boolean output(long now) {
        if (!counting()) {
            return mode != 0;
        }
        long d = elapsed(now);
        return switch (mode) {
            case 0, 1 -> d >= reload;
            case 2 -> d % reload != reload - 1;
            case 3 -> d % reload < (reload + 1) / 2;
            default -> d != reload;
        };
    }

    private int count(long now) {
        long d = counting() ? elapsed(now) : 0;
        long modulus = bcd ? 10_000 : 0x10000;
        long value = switch (mode) {
            case 2 -> reload - d % reload;
            case 3 -> (reload & ~1) - d * 2 % Math.max(2, reload & ~1);
            default -> Math.floorMod(reload - d, modulus);
        };
        int count = (int) (value % modulus);
        return bcd ? toBcd(count) : count;
    }

    void latchCount(long now) {
        if (latched < 0) {
            latched = count(now);
        }
    }

    void latchStatus(long now) {
        if (latchedStatus < 0) {
            latchedStatus = (output(now) ? STATUS_OUTPUT : 0)
                    | (loaded ? 0 : STATUS_NULL_COUNT)
                    | (access << 4)
                    | (mode << 1)
                    | (bcd ? 1 : 0);
        }
    }

    int read(long now) {
        if (latchedStatus >= 0) {
            int status = latchedStatus;
            latchedStatus = -1;
            return status;
        }
        int value = latched >= 0 ? latched : count(now);
        if (access == ACCESS_LOW) {
            latched = -1;
            return value & 0xff;
        }
        if (access == ACCESS_HIGH) {
            latched = -1;
            return (value >> 8) & 0xff;
        }
        boolean high = readHigh;
        readHigh = !readHigh;
        if (high) {
            latched = -1;
            return (value >> 8) & 0xff;
        }
        return value & 0xff;
    }

    /** Ticks at which the output next rises, after {@code now}. */
    long nextRise(long now) {
        if (!counting() || pausedAt >= 0) {
            return NEVER;
        }
        long d = elapsed(now);
        return switch (mode) {
            case 0, 1 -> d < reload ? start + reload : NEVER;
            case 2, 3 -> start + (d / reload + 1) * reload;
            default -> d <= reload ? start + reload + 1 : NEVER;
        };
    }

    private static int fromBcd(int v) {
        return ((v >> 12) & 15) * 1000 + ((v >> 8) & 15) * 100 + ((v >> 4) & 15) * 10 + (v & 15);
    }

    private static int toBcd(int v) {
        return ((v / 1000 % 10) << 12) | ((v / 100 % 10) << 8) | ((v / 10 % 10) << 4) | (v % 10);
    }
}
