package jcrosvm.guest.ext4;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.List;
import java.util.UUID;
import jcrosvm.base.VmmException;

/**
 * An ext4 file system that is being written to a new image file, which stays sparse where nothing lies.
 *
 * <p>Paths are relative to the root of the file system ("etc/passwd"); every directory must be there before its members.
 * Links in directories of a path are followed, always within the image. A member replaces one of the same path, as
 * unpacking a tar archive would; a directory or a link to a directory that is there stays. Not thread-safe.
 *
 * <p>Until {@link #finish} the file is no file system. An {@link IOException} says what is wrong with a member or with its
 * content, a {@link VmmException} that the image cannot be written.
 */
public final class Ext4Image implements AutoCloseable {
    /** What the size of an image must be a multiple of: 128 MiB. */
    public static final long SIZE_UNIT = Geometry.GROUP_BYTES;

    static final int FIRST_INODE = 11;
    private static final int ROOT_INODE = 2;
    private static final int JOURNAL_INODE = 8;
    private static final int LOST_FOUND_BLOCKS = 4;
    private static final int MAX_LINKS_FOLLOWED = 40;
    private static final int BUFFER = 1 << 20;
    private static final int MAP_ENTRIES = 4;
    private static final int LEAF_ENTRIES = Geometry.BLOCK_SIZE / Extent.ENTRY_SIZE - 1;

    private final Path file;
    private final FileChannel channel;
    private final Geometry geometry;
    private final BlockMap blocks;
    private final BitSet inodes = new BitSet();
    private final String label;
    private final UUID uuid;
    private final long created;
    private final Inode root;
    private final Inode journal;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER);

    private Ext4Image(Path file, FileChannel channel, long size, String label, UUID uuid, long created)
            throws IOException {
        this.file = file;
        this.channel = channel;
        this.geometry = Geometry.ofSize(size);
        this.blocks = new BlockMap(geometry);
        this.label = label;
        this.uuid = uuid;
        this.created = created;
        inodes.set(0, FIRST_INODE); // 0 is none; those up to 10 have a meaning each
        root = new Inode(ROOT_INODE, Inode.S_IFDIR, Attributes.ofRoot(0755, created));
        journal = new Inode(JOURNAL_INODE, Inode.S_IFREG, Attributes.ofRoot(0600, created));
        // While there is room in one piece.
        int journalBlocks = Math.clamp(geometry.blocks() / 64, 1024, 16384);
        journal.extents = blocks.allocate(journalBlocks);
        journal.size = (long) journalBlocks * Geometry.BLOCK_SIZE;
        write(
                Journal.superblock(journalBlocks, uuid),
                (long) journal.extents.getFirst().start() * Geometry.BLOCK_SIZE);
        directory("lost+found", Attributes.ofRoot(0700, created));
    }

    /**
     * Starts a file system.
     *
     * @param file is made; it must not be there
     * @param size in bytes, a multiple of {@link #SIZE_UNIT}
     * @param label at most 16 bytes
     * @param created seconds since 1970
     */
    public static Ext4Image create(Path file, long size, String label, UUID uuid, long created) throws IOException {
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            channel.write(ByteBuffer.allocate(1), size - 1);
            return new Ext4Image(file, channel, size, label, uuid, created);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Adds a directory, or gives one that is there new attributes; the empty path is the root. */
    public void directory(String path, Attributes attributes) throws IOException {
        if (path.isEmpty()) {
            root.attributes = attributes;
            return;
        }
        Place place = place(path);
        Inode existing = place.existing();
        if (existing != null && existing.isDirectory()) {
            existing.attributes = attributes;
        } else if (existing == null || !existing.isSymlink() || !leadsToDirectory(path)) {
            place.put(inode(Inode.S_IFDIR, attributes));
        }
    }

    /**
     * Adds a file.
     *
     * @param content is read to so many bytes as {@code size} says, and not closed
     */
    public void file(String path, Attributes attributes, InputStream content, long size) throws IOException {
        Place place = place(path).forFile();
        List<Extent> extents = store(content, size);
        Inode inode = inode(Inode.S_IFREG, attributes);
        inode.size = size;
        inode.extents = extents;
        place.put(inode);
    }

    /** Adds a file with content in UTF-8. */
    public void file(String path, Attributes attributes, String content) throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        file(path, attributes, new ByteArrayInputStream(bytes), bytes.length);
    }

    public void symlink(String path, Attributes attributes, String target) throws IOException {
        byte[] bytes = target.getBytes(StandardCharsets.UTF_8);
        if (bytes.length == 0 || bytes.length >= Geometry.BLOCK_SIZE) {
            throw new IOException("'" + path + "' is a link to a name of " + bytes.length + " bytes");
        }
        Place place = place(path).forFile();
        boolean isInline = bytes.length <= Inode.MAX_INLINE_LINK;
        List<Extent> extents = isInline ? List.of() : store(new ByteArrayInputStream(bytes), bytes.length);
        Inode inode = inode(Inode.S_IFLNK, attributes);
        inode.target = target;
        inode.size = bytes.length;
        inode.isInline = isInline;
        inode.extents = extents;
        if (isInline) {
            System.arraycopy(bytes, 0, inode.map, 0, bytes.length);
        }
        place.put(inode);
    }

    /** Gives a file or link one more name. */
    public void hardLink(String path, String existing) throws IOException {
        Place source = place(existing);
        Inode inode = source.existing();
        if (inode == null || inode.isDirectory()) {
            throw new IOException("'" + path + "' is a link to '" + existing + "', which is no file");
        }
        Place place = place(path).forFile();
        if (place.existing() != inode) {
            inode.links++;
            place.put(inode);
        }
    }

    /** Whether there is something under a path; links in it are followed, but for the last. */
    public boolean exists(String path) throws IOException {
        return path.isEmpty() || place(path).existing() != null;
    }

    /** Writes what describes the members, and returns when it is on the disk. */
    public void finish() throws IOException {
        store(journal);
        int[] directories = new int[geometry.groups()];
        store(root, root, directories);
        Superblock superblock = new Superblock(
                geometry,
                label,
                uuid,
                created,
                blocks.freeBlocks(),
                geometry.inodes() - (inodes.cardinality() - 1),
                journal);
        byte[] descriptors = GroupDescriptors.encode(geometry, blocks, inodes, directories);
        for (int group = 0; group < geometry.groups(); group++) {
            write(blocks.bitmap(group), (long) geometry.blockBitmap(group) * Geometry.BLOCK_SIZE);
            write(
                    GroupDescriptors.inodeBitmap(inodes, group),
                    (long) geometry.inodeBitmap(group) * Geometry.BLOCK_SIZE);
            if (Geometry.hasSuperblock(group)) {
                long start = (long) geometry.firstBlock(group) * Geometry.BLOCK_SIZE;
                write(superblock.encode(group), group == 0 ? Superblock.SIZE : start);
                write(descriptors, start + Geometry.BLOCK_SIZE);
            }
        }
        channel.force(true);
    }

    /** Ends the writing, finished or not. */
    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** Writes a directory, and everything below it; the recursion is as deep as paths are. */
    private void store(Inode inode, Inode parent, int[] directories) throws IOException {
        if (inode.isDirectory()) {
            directories[(inode.number - 1) / Geometry.INODES_PER_GROUP]++;
            inode.links = 2;
            for (Inode child : inode.children.values()) {
                store(child, inode, directories);
                inode.links += child.isDirectory() ? 1 : 0;
            }
            boolean isLostFound = inode.number == FIRST_INODE;
            byte[] content = DirectoryBlocks.of(inode, parent, isLostFound ? LOST_FOUND_BLOCKS : 1);
            inode.size = content.length;
            inode.extents = store(new ByteArrayInputStream(content), content.length);
        }
        store(inode);
    }

    /** Writes an inode, and the extents that do not fit into it. */
    private void store(Inode inode) throws IOException {
        if (!inode.isInline) {
            map(inode);
        }
        write(inode.encode(), geometry.inodeOffset(inode.number));
    }

    private void map(Inode inode) throws IOException {
        List<Extent> extents = inode.extents;
        ByteBuffer map = ByteBuffer.wrap(inode.map).order(ByteOrder.LITTLE_ENDIAN);
        inode.blocks = extents.stream().mapToInt(Extent::length).sum();
        if (extents.size() <= MAP_ENTRIES) {
            Extent.header(map, extents.size(), MAP_ENTRIES, 0);
            extents.forEach(extent -> extent.write(map));
            return;
        }
        int leaves = (extents.size() + LEAF_ENTRIES - 1) / LEAF_ENTRIES;
        if (leaves > MAP_ENTRIES) {
            throw new IOException("a file of " + inode.size + " bytes would lie in " + extents.size() + " pieces");
        }
        Extent.header(map, leaves, MAP_ENTRIES, 1);
        for (int i = 0; i < leaves; i++) {
            List<Extent> part = extents.subList(i * LEAF_ENTRIES, Math.min((i + 1) * LEAF_ENTRIES, extents.size()));
            int block = blocks.allocate(1).getFirst().start();
            ByteBuffer leaf = ByteBuffer.allocate(Geometry.BLOCK_SIZE).order(ByteOrder.LITTLE_ENDIAN);
            Extent.header(leaf, part.size(), LEAF_ENTRIES, 0);
            part.forEach(extent -> extent.write(leaf));
            write(leaf.array(), (long) block * Geometry.BLOCK_SIZE);
            part.getFirst().writeIndex(map, block);
            inode.blocks++;
        }
    }

    private Inode inode(int type, Attributes attributes) throws IOException {
        int number = inodes.nextClearBit(FIRST_INODE);
        if (number > geometry.inodes()) {
            throw new IOException("the file system has no more than " + geometry.inodes() + " inodes");
        }
        inodes.set(number);
        return new Inode(number, type, attributes);
    }

    /** Writes content to new blocks. */
    private List<Extent> store(InputStream content, long size) throws IOException {
        List<Extent> extents = blocks.allocate(Geometry.blocksOf(size));
        try {
            copy(content, size, extents);
            return extents;
        } catch (IOException e) {
            extents.forEach(blocks::free);
            throw e;
        }
    }

    private void copy(InputStream content, long size, List<Extent> extents) throws IOException {
        long left = size;
        for (Extent extent : extents) {
            long offset = (long) extent.start() * Geometry.BLOCK_SIZE;
            long rest = Math.min(left, (long) extent.length() * Geometry.BLOCK_SIZE);
            left -= rest;
            while (rest > 0) {
                int chunk = (int) Math.min(rest, BUFFER);
                if (content.readNBytes(buffer.array(), 0, chunk) < chunk) {
                    throw new EOFException("content ends early");
                }
                // The rest of the last block may be a removed file's.
                int padded = Geometry.blocksOf(chunk) * Geometry.BLOCK_SIZE;
                java.util.Arrays.fill(buffer.array(), chunk, padded, (byte) 0);
                buffer.clear().limit(padded);
                write(buffer, offset);
                offset += chunk;
                rest -= chunk;
            }
        }
    }

    private void write(byte[] bytes, long offset) {
        write(ByteBuffer.wrap(bytes), offset);
    }

    private void write(ByteBuffer bytes, long offset) {
        long at = offset;
        try {
            while (bytes.hasRemaining()) {
                at += channel.write(bytes, at);
            }
        } catch (IOException e) {
            // Where content is read from, an IOException would be taken for one of reading.
            throw new VmmException("cannot write " + file + ": " + e.getMessage(), e);
        }
    }

    /** A name in a directory. */
    private final class Place {
        private final Inode directory;
        private final String name;

        Place(Inode directory, String name) {
            this.directory = directory;
            this.name = name;
        }

        @org.jspecify.annotations.Nullable
        Inode existing() {
            return directory.children.get(name);
        }

        /** Checks that something other than a directory can get the name. */
        Place forFile() throws IOException {
            Inode old = existing();
            if (old != null && old.isDirectory()) {
                throw new IOException("'" + name + "' is a directory and cannot become anything else");
            }
            return this;
        }

        void put(Inode inode) {
            Inode old = existing();
            directory.children.put(name, inode);
            if (old != null && --old.links == 0) {
                old.extents.forEach(blocks::free);
                inodes.clear(old.number);
            }
        }
    }

    private Place place(String path) throws IOException {
        int slash = path.lastIndexOf('/');
        String name = path.substring(slash + 1);
        if (name.isEmpty() || isDots(name) || name.indexOf('\0') >= 0) {
            throw new IOException("nothing can be called '" + path + "'");
        }
        Inode directory = find(root, slash < 0 ? "" : path.substring(0, slash), new int[1]);
        if (!directory.isDirectory()) {
            throw new IOException("'" + path + "' is in no directory");
        }
        return new Place(directory, name);
    }

    private boolean leadsToDirectory(String path) {
        try {
            return find(root, path, new int[1]).isDirectory();
        } catch (IOException _) {
            return false;
        }
    }

    private Inode find(Inode from, String path, int[] followed) throws IOException {
        java.util.ArrayDeque<Inode> trail = new java.util.ArrayDeque<>();
        return walk(from, path, followed, trail);
    }

    // The trail holds the directories above, for "..".
    private Inode walk(Inode from, String path, int[] followed, java.util.ArrayDeque<Inode> trail) throws IOException {
        Inode at = from;
        for (String name : path.split("/", -1)) {
            if (name.isEmpty() || name.equals(".")) {
                continue;
            }
            if (name.equals("..")) {
                at = trail.isEmpty() ? root : trail.pop();
                continue;
            }
            Inode next = at.children.get(name);
            if (next == null) {
                throw new IOException("there is no directory '" + path + "'");
            }
            if (next.isSymlink()) {
                if (++followed[0] > MAX_LINKS_FOLLOWED) {
                    throw new IOException("'" + path + "' leads through too many links");
                }
                if (next.target.startsWith("/")) {
                    trail.clear();
                    at = root;
                }
                at = walk(at, next.target, followed, trail);
            } else {
                trail.push(at);
                at = next;
            }
        }
        return at;
    }

    private static boolean isDots(String name) {
        return name.equals(".") || name.equals("..");
    }
}
