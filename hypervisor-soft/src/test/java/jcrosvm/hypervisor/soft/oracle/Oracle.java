package jcrosvm.hypervisor.soft.oracle;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import org.jspecify.annotations.Nullable;

/** Runs random sequences on the host and on a processor of ours and compares what they leave behind. */
final class Oracle implements AutoCloseable {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final int PAGE = SingleInstruction.PAGE;
    private static final int SLOT = 1000;
    private static final int CODE = 64 * PAGE;
    private static final int BATCH = CODE / SLOT;
    private static final int FLAGS = Rflags.ARITHMETIC | Rflags.DF | Rflags.ID;
    private static final int FX_SIZE = 512;
    private static final int MAX_FAULTS = 10_000;
    private static final int MAX_COMPARED = 4;

    private final long seed;
    private final Random random;
    private final NativeMachine host = new NativeMachine(CODE, SingleInstruction.WINDOW);
    private final GuestMachine guest;
    /** Flags count only where something reads them. */
    private final boolean relaxed;

    private final Generator generator;
    private final Mapping image = Mapping.anonymous(SingleInstruction.WINDOW);
    private final Mapping before = Mapping.anonymous(PAGE);
    private final Sequence[] sequences = new Sequence[BATCH];
    private final int[] offsets = new int[BATCH];
    /** Offset and flags of faults of the present sequence. */
    private final List<long[]> shown = new ArrayList<>();

    long run;
    long faults;
    long compared;

    Oracle(long seed, GuestMachine.Processor processor) {
        this.seed = seed;
        random = new Random(seed);
        long code = host.address(NativeMachine.CODE);
        long data = host.window.segment().address();
        guest = new GuestMachine(processor, code, CODE, data, SingleInstruction.WINDOW);
        relaxed = processor == GuestMachine.Processor.TRANSLATED;
        generator = new Generator(random, data);
    }

    /** Generates, writes and runs as many sequences as there is room for. */
    void batch() {
        MemorySegment text = host.code.segment();
        for (int i = 0; i < BATCH; i++) {
            Sequence s;
            do {
                offsets[i] = i * SLOT + random.nextInt(16);
                s = generator.sequence(host.address(NativeMachine.CODE + offsets[i]), 1 + random.nextInt(14));
                if (relaxed && s.undefined == 0) {
                    s.add("pushf, popf", "9c9d");
                }
            } while (s.length() > SLOT - 48);
            sequences[i] = s;
            byte[] bytes = s.bytes();
            int at = NativeMachine.CODE + offsets[i];
            MemorySegment.copy(bytes, 0, text, ValueLayout.JAVA_BYTE, at, bytes.length);
            host.putLeave(at + bytes.length);
        }
        guest.code.copyFrom(text.asSlice(NativeMachine.CODE, CODE));
        for (int i = 0; i < BATCH; i++) {
            int end = offsets[i] + sequences[i].length();
            guest.code.set(ValueLayout.JAVA_SHORT_UNALIGNED, end, (short) 0x0b0f); // ud2
        }
        guest.codeChanged(0, CODE);
        fillImage();
        for (int i = 0; i < BATCH; i++) {
            one(i);
        }
    }

    private void fillImage() {
        MemorySegment to = image.segment();
        for (int i = 0; i < SingleInstruction.WINDOW; i += 8) {
            to.set(LONG, i, interesting());
        }
    }

    private long interesting() {
        return switch (random.nextInt(12)) {
            case 0 -> random.nextInt(256);
            case 1 -> -random.nextInt(256);
            case 2 -> Double.doubleToRawLongBits(random.nextGaussian() * 1000);
            case 3 ->
                Float.floatToRawIntBits((float) random.nextGaussian())
                        | (long) Float.floatToRawIntBits(random.nextFloat() * 1e6f) << 32;
            case 4 ->
                switch (random.nextInt(6)) {
                    case 0 -> 0x7ff0000000000000L;
                    case 1 -> 0xfff8000000000001L;
                    case 2 -> 0x7ff0000000000001L;
                    case 3 -> 0x7f8000007fc00001L;
                    case 4 -> 0x0000000100000001L;
                    default -> 0x8000000000000000L;
                };
            case 5 -> 1L << random.nextInt(64);
            case 6 -> Double.doubleToRawLongBits(random.nextInt());
            default -> random.nextLong();
        };
    }

    private void registers(MemorySegment to) {
        for (int i = 0; i < 16; i++) {
            to.set(LONG, StateLayout.GPR + 8 * i, i == 4 ? generator.stack() : interesting());
        }
        to.set(LONG, StateLayout.RFLAGS, random.nextInt() & FLAGS | Rflags.IF | Rflags.FIXED);
        MemorySegment fx = to.asSlice(StateLayout.FX, FX_SIZE);
        fx.fill((byte) 0);
        fx.set(ValueLayout.JAVA_SHORT, 0, (short) (0x7f | random.nextInt(4) << 10 | random.nextInt(4) << 8));
        fx.set(ValueLayout.JAVA_SHORT, 2, (short) (random.nextInt() & 0x7f7f & ~0x40));
        fx.set(ValueLayout.JAVA_BYTE, 4, (byte) (random.nextInt(3) == 0 ? random.nextInt() : random.nextInt(3) - 1));
        fx.set(INT, 24, 0x1f80 | random.nextInt(64) | random.nextInt(4) << 13 | (random.nextInt(4) == 0 ? 0x8040 : 0));
        for (int i = 0; i < 8; i++) {
            fx.set(LONG, 32 + 16 * i, interesting() | (random.nextInt(4) == 0 ? 0 : Long.MIN_VALUE));
            int exponent = random.nextInt(4) == 0 ? random.nextInt() : 0x3fff + random.nextInt(128) - 64;
            fx.set(ValueLayout.JAVA_SHORT, 40 + 16 * i, (short) exponent);
        }
        for (int i = 0; i < 32; i++) {
            fx.set(LONG, 160 + 8 * i, interesting());
        }
    }

    private void one(int i) {
        run++;
        MemorySegment state = host.registers.segment();
        registers(state);
        MemorySegment start = before.segment();
        MemorySegment.copy(state, 0, start, 0, PAGE);
        MemorySegment memory = host.window.segment();
        memory.copyFrom(image.segment());
        host.run(NativeMachine.CODE + offsets[i]);
        String difference;
        try {
            difference = run(i);
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError(describe(i), e);
        }
        if (difference != null) {
            throw new AssertionError(difference + "\n" + describe(i));
        }
    }

    private @Nullable String run(int i) {
        MemorySegment state = guest.cpu.state();
        MemorySegment start = before.segment();
        MemorySegment.copy(start, 0, state, 0, 128);
        MemorySegment.copy(start, StateLayout.FX, state, StateLayout.FX, FX_SIZE);
        guest.cpu.rflags(start.get(LONG, StateLayout.RFLAGS));
        long entry = host.address(NativeMachine.CODE + offsets[i]);
        long end = entry + sequences[i].length();
        shown.clear();
        guest.cpu.rip(entry);
        guest.data.copyFrom(image.segment());
        for (int page = 0; page < SingleInstruction.WINDOW / PAGE; page++) {
            int dice = random.nextInt(24);
            guest.rights(
                    page,
                    dice == 0
                            ? 0
                            : dice == 1
                                    ? GuestMachine.PRESENT | GuestMachine.USER
                                    : dice == 2 ? GuestMachine.PRESENT | GuestMachine.WRITABLE : GuestMachine.ALL);
        }
        for (int n = 0; ; n++) {
            try {
                guest.engine.run();
                return "returned with pending " + guest.cpu.pending();
            } catch (GuestException e) {
                if (e.vector() == GuestException.UD && guest.cpu.rip() == end) {
                    break;
                }
                shown.add(new long[] {guest.cpu.rip() - entry, guest.cpu.rflags()});
                String wrong = pageFault(e);
                if (wrong != null || n > MAX_FAULTS) {
                    return "%s at %+d".formatted(wrong, guest.cpu.rip() - entry);
                }
            }
        }
        String difference = compare(sequences[i].undefined);
        return difference != null || sequences[i].loops ? difference : shownFlags(i);
    }

    /**
     * Flags at faults against those that the host has there, when it does not execute what faults. A fault leaves flags
     * alone, whatever the instruction would do to them.
     */
    private @Nullable String shownFlags(int i) {
        for (int n = 0; n < Math.min(shown.size(), MAX_COMPARED); n++) {
            int offset = (int) shown.get(n)[0];
            int defined = sequences[i].definedAt(offset);
            if (defined == 0) {
                continue;
            }
            compared++;
            MemorySegment.copy(before.segment(), 0, host.registers.segment(), 0, PAGE);
            host.window.segment().copyFrom(image.segment());
            host.runTo(NativeMachine.CODE + offsets[i], NativeMachine.CODE + offsets[i] + offset);
            long theirs = host.registers.segment().get(LONG, StateLayout.RFLAGS);
            if (((theirs ^ shown.get(n)[1]) & defined) != 0) {
                return "flags at the fault at %+d are %x, not %x"
                        .formatted(offset, shown.get(n)[1] & defined, theirs & defined);
            }
        }
        return null;
    }

    /** Lets the guest go on after an injected fault. */
    private @Nullable String pageFault(GuestException e) {
        long offset = guest.cpu.cr2 - host.window.segment().address();
        if (e.vector() != GuestException.PF || offset < 0 || offset >= SingleInstruction.WINDOW) {
            return "unexpected %s, CR2 %x".formatted(e.getMessage(), guest.cpu.cr2);
        }
        faults++;
        guest.rights((int) (offset / PAGE), GuestMachine.ALL);
        return null;
    }

    private @Nullable String compare(int undefined) {
        MemorySegment theirs = host.registers.segment();
        MemorySegment ours = guest.cpu.state();
        for (int r = 0; r < 16; r++) {
            if (theirs.get(LONG, 8 * r) != ours.get(LONG, 8 * r)) {
                return "register %d is %x, not %x".formatted(r, ours.get(LONG, 8 * r), theirs.get(LONG, 8 * r));
            }
        }
        long flags = relaxed && undefined != 0 ? 0 : FLAGS & ~undefined;
        long differing = (theirs.get(LONG, StateLayout.RFLAGS) ^ guest.cpu.rflags()) & flags;
        if (differing != 0) {
            return "flags are %x, not %x"
                    .formatted(guest.cpu.rflags() & flags, theirs.get(LONG, StateLayout.RFLAGS) & flags);
        }
        for (int at = 0; at < 416; at++) {
            boolean compared = at < 5 || at >= 24 && at < 28 || at >= 32 && (at >= 160 || (at & 15) < 10);
            byte a = theirs.get(ValueLayout.JAVA_BYTE, StateLayout.FX + at);
            byte b = ours.get(ValueLayout.JAVA_BYTE, StateLayout.FX + at);
            if (compared && a != b) {
                return "FXSAVE byte %d is %x, not %x".formatted(at, b, a);
            }
        }
        long mismatch = guest.data.mismatch(host.window.segment());
        if (mismatch >= 0) {
            long word = mismatch & -8;
            return "memory at %x is %x, not %x"
                    .formatted(
                            mismatch,
                            guest.data.get(LONG, word),
                            host.window.segment().get(LONG, word));
        }
        return null;
    }

    private String describe(int i) {
        StringBuilder text =
                new StringBuilder("seed " + seed + ", sequence " + run + ": " + sequences[i] + "\nbefore:");
        for (int r = 0; r < 16; r++) {
            text.append(" r%d=%x".formatted(r, before.segment().get(LONG, 8 * r)));
        }
        text.append(" flags=%x\nfx: ".formatted(before.segment().get(LONG, StateLayout.RFLAGS)));
        byte[] fx = before.segment().asSlice(StateLayout.FX, 416).toArray(ValueLayout.JAVA_BYTE);
        return text.append(HexFormat.of().formatHex(fx)).toString();
    }

    /** Share of the table's user-mode rows that were run. */
    String coverage() {
        return "%d sequences, %d faults, flags of %d compared, %s".formatted(run, faults, compared, generator.pool());
    }

    @Override
    public void close() throws Exception {
        guest.close();
        host.close();
        image.unmap();
        before.unmap();
    }
}
