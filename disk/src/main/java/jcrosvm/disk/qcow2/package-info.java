/**
 * The qcow2 format, versions 2 and 3: a disk whose clusters are found through two levels of tables and counted by a third.
 *
 * <p>{@link jcrosvm.disk.qcow2.Qcow2Disk} is the disk; {@link jcrosvm.disk.qcow2.Qcow2Images} makes, checks and describes
 * images. Every operation runs inside a gate: those that only add (reads, writes) share it, those that give clusters back
 * (discards, {@code Commit}, resizing) have it alone, so no read finds a cluster that already belongs to something else.
 *
 * <p>Crash safety. Tables are written through, each change after what it depends on: refcount, then data, then the entry
 * that refers to it; and the other way round to free. Death of the process therefore leaves leaked clusters at worst. So
 * that a power failure, which may keep any subset of unsynced writes, is harmless too: version 3 images carry the dirty
 * bit while there are changes to their tables, so refcounts are rebuilt afterwards; and an entry that replaces data which
 * may be durable already (a copy from a backing file or a snapshot), or any entry of a version 2 image, stays in
 * memory until the next flush, which syncs before it writes it.
 */
@NullMarked
package jcrosvm.disk.qcow2;

import org.jspecify.annotations.NullMarked;
