// A viewer with .NET's ClientWebSocket, as Unity has it. In: `URL HELLO`, with the first message in
// hexadecimal. Out: each received message in hexadecimal. After a message with the field `ended`
// (10) it sends a text message, which the contract forbids, and prints the server's close code.
using System;
using System.IO;
using System.Linq;
using System.Net.WebSockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

public static class Watch
{
    static byte[] Bytes(string hex)
    {
        return Enumerable.Range(0, hex.Length / 2).Select(i => Convert.ToByte(hex.Substring(i * 2, 2), 16)).ToArray();
    }

    static async Task Run(string url, byte[] hello)
    {
        CancellationToken never = CancellationToken.None;
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("hayate.v1");
        socket.Options.KeepAliveInterval = TimeSpan.FromMilliseconds(100);
        try
        {
            await socket.ConnectAsync(new Uri(url), never);
        }
        catch (WebSocketException error)
        {
            Console.WriteLine("refused " + error.GetType().Name);
            return;
        }
        Console.WriteLine("open " + socket.SubProtocol);
        await socket.SendAsync(new ArraySegment<byte>(hello), WebSocketMessageType.Binary, true, never);
        var piece = new byte[64];
        while (true)
        {
            var message = new MemoryStream();
            WebSocketReceiveResult result;
            do
            {
                result = await socket.ReceiveAsync(new ArraySegment<byte>(piece), never);
                message.Write(piece, 0, result.Count);
            } while (!result.EndOfMessage);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                Console.WriteLine("closing " + (int)socket.CloseStatus);
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, never);
                return;
            }
            byte[] bytes = message.ToArray();
            Console.WriteLine("message " + string.Concat(bytes.Select(b => b.ToString("x2"))));
            if (bytes.Length > 0 && bytes[0] == 0x52)
                await socket.SendAsync(new ArraySegment<byte>(Encoding.UTF8.GetBytes("no")), WebSocketMessageType.Text, true, never);
        }
    }

    public static void Main(string[] args)
    {
        Run(args[0], Bytes(args[1])).GetAwaiter().GetResult();
    }
}
