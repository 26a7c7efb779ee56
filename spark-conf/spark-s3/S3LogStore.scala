/** The log of Delta tables on S3: a commit is one PUT that S3 refuses where the file is there already.
  *
  * Delta's own store for S3 looks first and writes then, which is safe within one driver alone. S3 has the condition
  * `If-None-Match: *` since 2024, and Hadoop offers it in the builder of `createFile`; delta-rs and Trino write with it
  * too, so that all of them may commit to one table at once (Delta protocol: "Atomic visibility / mutual exclusion").
  */
package helix.storage

import io.delta.storage.S3SingleDriverLogStore
import java.io.IOException
import java.lang.{Boolean => JBoolean}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.FileAlreadyExistsException
import java.util.{Arrays, Iterator => JIterator}
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, Path}
import scala.jdk.CollectionConverters._

class S3LogStore(configuration: Configuration) extends S3SingleDriverLogStore(configuration) {

  override def write(path: Path, actions: JIterator[String], overwrite: JBoolean, conf: Configuration): Unit =
    if (overwrite) super.write(path, actions, overwrite, conf)
    else create(path.getFileSystem(conf), path, actions.asScala.map(_ + "\n").mkString.getBytes(UTF_8))

  private def create(fs: FileSystem, path: Path, content: Array[Byte]): Unit =
    try put(fs, path, content)
    catch {
      case refused: IOException if fs.exists(path) =>
        // A PUT whose answer was lost is sent again and refused: then the file that is there is our own.
        if (!Arrays.equals(read(fs, path), content)) throw conflict(path, refused)
    }

  private def put(fs: FileSystem, path: Path, content: Array[Byte]): Unit = {
    val out = fs.createFile(path).must("fs.option.create.conditional.overwrite", true).build()
    try out.write(content)
    catch { case failed: IOException => out.abort(); throw failed } // closing it would publish what is there so far
    out.close()
  }

  private def read(fs: FileSystem, path: Path): Array[Byte] = {
    val in = fs.open(path)
    try in.readAllBytes() finally in.close()
  }

  /** What Delta takes as the word that another writer was first. */
  private def conflict(path: Path, cause: IOException): FileAlreadyExistsException = {
    val told = new FileAlreadyExistsException(path.toString)
    told.initCause(cause)
    told
  }
}
