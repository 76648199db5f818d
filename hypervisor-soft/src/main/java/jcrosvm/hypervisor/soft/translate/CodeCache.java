package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import jcrosvm.base.io.ExecutableMemory;
import jcrosvm.hypervisor.soft.mmu.CodePages;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;

/**
 * The translated blocks of a VM and the jumps between them, for all its processors. Code, headers and sites lie in one
 * piece of memory of a fixed size. It is not used again before everything is thrown away at once, which happens when it
 * is full.
 *
 * <p>Jumps within a page are linked: they stay right as long as the page is mapped where it is, and a processor that
 * changes that leaves the code. Where jumps to other pages go is each processor's own ({@link JumpCache}), since
 * processors may see different pages at an address.
 *
 * <p>Processors look up, add and link while they are inside ({@code mmu.Coherence}); blocks go only while all processors
 * are outside, so a block that was found stays until the processor next is.
 */
public final class CodeCache implements CodePages.Listener, AutoCloseable {
    /** What {@link #add} answers when there is no room. */
    static final int FULL = -1;

    private static final int SIZE = 64 << 20;
    private static final int TABLE_BITS = 17;
    private static final int PAGES_BITS = 14;
    /** In a list of a page: the block is there for its second page. */
    private static final int AS_SECOND = 1;

    private static final VarHandle ELEMENT = MethodHandles.arrayElementVarHandle(int[].class);
    private static final VarHandle SLOT = ValueLayout.JAVA_INT.varHandle();

    final Stubs stubs;
    final Blocks blocks;
    final Sites sites;

    private final PhysicalMemory physical;
    private final ExecutableMemory memory;
    private final MemorySegment segment;
    private final int size;
    private final int start;
    private int used;
    private volatile int generation;
    private boolean closed;

    /** First blocks of chains by what they are. */
    private final int[] table = new int[1 << TABLE_BITS];
    /** First blocks of chains by page. */
    private final int[] pages = new int[1 << PAGES_BITS];

    private final List<JumpCache> jumpCaches = new CopyOnWriteArrayList<>();

    public CodeCache(PhysicalMemory physical) {
        this(physical, SIZE);
    }

    /** @param size bytes, a multiple of the page size */
    CodeCache(PhysicalMemory physical, int size) {
        this.physical = physical;
        this.size = size;
        memory = ExecutableMemory.allocate("jcrosvm-code", size);
        segment = memory.segment();
        blocks = new Blocks(segment);
        sites = new Sites(segment);
        Assembler assembler = new Assembler();
        stubs = new Stubs(assembler);
        assembler.copyTo(segment, 0);
        start = aligned(assembler.position());
        used = start;
        physical.codePages().listen(this);
    }

    private static int aligned(int offset) {
        return offset + Blocks.ALIGNMENT - 1 & -Blocks.ALIGNMENT;
    }

    /** Host address of an offset. */
    long address(int offset) {
        return memory.address() + offset;
    }

    /** Counts how often everything was thrown away: what was known of blocks before is void. */
    int generation() {
        return generation;
    }

    /** A processor's jump cache must not lead to blocks that are gone. */
    void join(JumpCache jumps) {
        jumpCaches.add(jumps);
    }

    void part(JumpCache jumps) {
        jumpCaches.remove(jumps);
    }

    // Finding

    private static int slot(long linear, long page, int mode) {
        // Linear and physical addresses often go up together, or one up and the other down.
        return (int) ((linear + mode) * 0x9e3779b97f4a7c15L + page * 0xc2b2ae3d27d4eb4fL >>> 64 - TABLE_BITS);
    }

    /** A block, or {@link Blocks#NONE}. Of one that crosses into another page there may be several. */
    int find(long linear, long page, int mode) {
        int block = (int) ELEMENT.getAcquire(table, slot(linear, page, mode));
        while (block != Blocks.NONE && !blocks.is(block, linear, page, mode)) {
            block = blocks.next(block);
        }
        return block;
    }

    /** The same for one whose second page is known. */
    int find(long linear, long page, int mode, long second) {
        int block = find(linear, page, mode);
        while (block != Blocks.NONE && !(blocks.second(block) == second && blocks.is(block, linear, page, mode))) {
            block = blocks.next(block);
        }
        return block;
    }

    // Adding

    /**
     * Adds a block, unless another processor has added the same.
     *
     * @param code as the emitter left it; used up
     * @return the block, or {@link #FULL}
     */
    synchronized int add(Block block, Assembler code, Exits exits) {
        int present = find(block.linear, block.page, block.mode, block.second);
        if (present != Blocks.NONE) {
            return present;
        }
        int at = used;
        int base = at + Blocks.SIZE;
        if (base + code.position() > size) {
            return FULL;
        }
        used = aligned(base + code.position());
        exits.relocate(at, base);
        code.copyTo(segment, base);
        blocks.write(at, block, base);
        enter(at, block.page, false);
        if (block.second != Block.ONE_PAGE) {
            enter(at, block.second, true);
        }
        int slot = slot(block.linear, block.page, block.mode);
        blocks.next(at, table[slot]);
        ELEMENT.setRelease(table, slot, at);
        for (int site = 0; site < exits.count(); site++) {
            if (exits.isLink(site)) {
                int from = exits.record(site, base);
                int to = find(sites.pc(from), block.page, block.mode);
                if (to != Blocks.NONE) {
                    link(from, to);
                }
            }
        }
        return at;
    }

    private static int pageSlot(long page) {
        return (int) ((page >>> 12) * 0x9e3779b97f4a7c15L >>> 64 - PAGES_BITS);
    }

    private void enter(int block, long page, boolean second) {
        int slot = pageSlot(page);
        blocks.nextInPage(block, second, pages[slot]);
        pages[slot] = block | (second ? AS_SECOND : 0);
    }

    /** Throws everything away if the memory is nearly full. The calling processor may be outside meanwhile. */
    void makeRoom() {
        physical.coherence().exclusive(() -> {
            if (used + size / 16 > size) {
                flush();
            }
        });
    }

    private synchronized void flush() {
        Arrays.fill(table, Blocks.NONE);
        Arrays.fill(pages, Blocks.NONE);
        for (JumpCache jumps : jumpCaches) {
            jumps.clear();
        }
        used = start;
        generation++;
    }

    // Links

    /** Makes a {@link Sites#LINK} jump to a block, if that stays right. */
    synchronized void link(int site, int to) {
        int from = sites.block(site);
        boolean within = blocks.page(from) == blocks.page(to)
                && (blocks.linear(from) ^ blocks.linear(to)) >>> 12 == 0
                && blocks.mode(from) == blocks.mode(to)
                && blocks.second(to) == Block.ONE_PAGE;
        if (!within || sites.target(site) != Blocks.NONE || blocks.dropped(from)) {
            return;
        }
        sites.target(site, to, blocks.links(to));
        blocks.links(to, site);
        boolean registers = (sites.info(site) & Sites.NATIVE_FLAGS) != 0;
        jump(site, registers ? blocks.nativeEntry(to) : blocks.entry(to));
    }

    /** Other processors may be on their way through the jump: its target changes as a whole. */
    private void jump(int site, int to) {
        int slot = sites.where(site);
        SLOT.setRelease(segment, (long) slot, to - (slot + 4));
    }

    // What others tell

    @Override
    public synchronized void codeChanged(long page, int offset, int length) {
        int slot = pageSlot(page);
        int kept = 0;
        int reference = pages[slot];
        while (reference != Blocks.NONE) {
            int block = reference & -Blocks.ALIGNMENT;
            boolean second = (reference & AS_SECOND) != 0;
            int next = blocks.nextInPage(block, second);
            if (!blocks.dropped(block) && blocks.overlaps(block, page, offset, length)) {
                drop(block);
            }
            if (!blocks.dropped(block)) {
                kept = reference;
            } else if (kept == 0) {
                pages[slot] = next;
            } else {
                blocks.nextInPage(kept & -Blocks.ALIGNMENT, (kept & AS_SECOND) != 0, next);
            }
            reference = next;
        }
    }

    /** Nothing leads to the block any more. */
    private void drop(int block) {
        blocks.setDropped(block);
        for (int site = blocks.links(block); site != Sites.NONE; ) {
            int next = sites.next(site);
            jump(site, sites.stub(site));
            sites.target(site, Blocks.NONE, Sites.NONE);
            site = next;
        }
        blocks.links(block, Sites.NONE);
        for (JumpCache jumps : jumpCaches) {
            jumps.remove(Translator.context(blocks.mode(block)), blocks.linear(block));
        }
        int slot = slot(blocks.linear(block), blocks.page(block), blocks.mode(block));
        int before = Blocks.NONE;
        for (int b = table[slot]; b != block; b = blocks.next(b)) {
            before = b;
        }
        if (before == Blocks.NONE) {
            table[slot] = blocks.next(block);
        } else {
            blocks.next(before, blocks.next(block));
        }
    }

    /** No processor uses the code any more. */
    @Override
    public void close() {
        physical.coherence().exclusive(() -> {
            physical.codePages().ignore(this);
            if (!closed) {
                closed = true;
                memory.close();
            }
        });
    }
}
